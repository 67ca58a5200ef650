"""How long a placed call may stand still, and what its end is called when that is too long."""

from coordinator.core.fleet import Fleet
from coordinator.core.limits import Limits
from coordinator.core.open_call import OpenCall
from shared.errors import CallerPaused, FleetError, GatewayUnreachable, Stuck, TookTooLong, Unavailable
from shared.names import NodeId


def hopeless(running: OpenCall, fleet: Fleet, limits: Limits, now: float) -> FleetError | None:
    """Why nothing more is to be expected of the attempt; None: go on. A stream that still comes in may come in."""
    silent = now - running.progress_at
    if running.place is None or silent < min(limits.stale_s, limits.lease_s):
        return None
    node_id = running.place.node_id
    if silent >= limits.stale_s:
        return _stale(running, node_id, f"{limits.stale_s:.0f} s")
    if silent >= limits.lease_s and fleet.nodes[node_id].standing(now, limits).state == "lost":
        return GatewayUnreachable(f"{node_id} was lost")
    return None


def _stale(running: OpenCall, node_id: NodeId, seconds: str) -> FleetError:
    if running.awaits_caller:
        return CallerPaused(f"the caller has not read for {seconds}")
    if not running.call.stream:
        return TookTooLong(f"{node_id} had no answer within {seconds}")
    return Stuck(f"no progress for {seconds} on {node_id}")


def closing() -> Unavailable:
    """The coordinator stops."""
    return Unavailable("the coordinator is stopping", retry_after=5)
