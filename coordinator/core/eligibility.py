"""May this node serve this call? A refusal is a reason that a caller can read."""

from msgspec import Struct

from coordinator.core import context, owner
from coordinator.core.call import Call
from coordinator.core.memory import both_bytes
from coordinator.core.node import Node, Standing
from coordinator.core.spots import Spot
from shared.names import NodeId

GIB = 2**30
ANY = "restricted"
"""In `Call.allows`: whatever the restriction is."""


class Refusal(Struct, frozen=True):
    """Why not. `lasting`: waiting would not help."""

    reason: str
    lasting: bool = False
    context: int = 0
    """The largest that it could give, in tokens, where the prompt is longer than that."""


def refusal(node: Node, standing: Standing, spot: Spot, call: Call) -> Refusal | None:
    """The first reason that applies, lasting ones first; None: eligible."""
    return unable(node.node_id, spot, call) or barred(node, standing, spot)


def unable(node_id: NodeId, spot: Spot, call: Call) -> Refusal | None:
    """What the model cannot do for this call, or its engine may not."""
    if (why := spot.engine.restricted) and not allowed(why, call):
        only = f"{spot.engine.name} on {node_id} serves only calls that allow it ({why})"
        return Refusal(f"{only}: header X-Fleet-Allow: {ANY}", lasting=True)
    if (able := spot.abilities) and not call.abilities <= able:
        missing = ", ".join(sorted(call.abilities - able))
        return Refusal(f"on {node_id} it does not support {missing}", lasting=True)
    largest = context.ceiling(spot.fixed_context, spot.context_length, spot.model.max_context)
    if largest and call.least_tokens > largest:
        longest = f"on {node_id} a prompt may have {largest} tokens, this one has {call.least_tokens} or more"
        return Refusal(longest, lasting=True, context=largest)
    return None


def allowed(restriction: str, call: Call) -> bool:
    """Whether the call may go to an engine that is restricted so."""
    return restriction in call.allows or ANY in call.allows


def barred(node: Node, standing: Standing, spot: Spot) -> Refusal | None:
    """Why the place serves no call at all."""
    name = node.node_id
    if not spot.replicas and (cold := _no_load(node, spot)):
        return cold
    if standing.status == "offline" or standing.state in {"probing", "unreachable"}:
        return Refusal(f"{name} is {standing.state} ({standing.reason})")
    if not spot.engine.up:
        return Refusal(f"{spot.engine.name} on {name} is down ({spot.engine.reason})")
    if node.draining:
        return Refusal(f"{name} is draining")
    if node.cordoned:
        return Refusal(f"{name} is cordoned")
    return _owners_refusal(node, spot)


def _owners_refusal(node: Node, spot: Spot) -> Refusal | None:
    capacity, name = node.heartbeat.capacity, node.node_id
    if capacity is None:
        return None
    if why := owner.refusal(capacity):
        return Refusal(f"{name} is {why}")
    if spot.replicas:
        return None
    why = owner.cold_refusal(capacity, spot.model.size_bytes, owner.resident(node.heartbeat))
    return Refusal(f"on {name} it {why}") if why else None


def _no_load(node: Node, spot: Spot) -> Refusal | None:
    """Why it cannot be loaded there. What is loaded already is served whatever the memory says."""
    name, size = node.node_id, spot.model.size_bytes
    room = both_bytes(node.heartbeat)
    if room and size > room:
        return Refusal(f"needs {size / GIB:.1f} GiB, {name} has {room / GIB:.1f} GiB in all", lasting=True)
    if node.heartbeat.memory.pressure == "critical":
        return Refusal(f"{name} is short of memory: it loads nothing more")
    return None
