"""What would become of a call, asked without making it."""

from msgspec.structs import replace

from coordinator.core import context
from coordinator.core.call import Call
from coordinator.core.explanation import Explanation
from coordinator.core.fleet import Fleet
from coordinator.core.limits import Limits
from coordinator.core.open_call import OpenCall
from coordinator.core.pulls import Pulls
from coordinator.core.scorer import Scorer

PULLED = "no node has it, and it would be pulled, if its registry has it"


def explained(
    call: Call, now: float, fleet: Fleet, scorer: Scorer, pulls: Pulls, limits: Limits
) -> Explanation:
    """As `Desk.arrived` would decide; nothing changes."""
    call = context.measured(call, limits.context_protection, fleet.densities.most)
    found = scorer.explain(OpenCall(call, 0, now), now)
    nobody = found.outcome == "refused" and fleet.nodes and not any(map(fleet.has, call.models))
    if nobody and pulls.would_fetch(call.model, now):
        return replace(found, outcome="waits", reason=f"{PULLED}; {found.reason}")
    return found
