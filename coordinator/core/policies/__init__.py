"""How the signals become a choice: one policy a file, each `order(candidates, call, weights) -> best first`."""

from collections.abc import Callable, Iterable

from coordinator.core.call import Call
from coordinator.core.candidate import Candidate
from coordinator.core.limits import Weights
from coordinator.core.policies import weighted
from coordinator.core.policies.scored import Scored

Policy = Callable[[Iterable[Candidate], Call, Weights], list[Scored]]

POLICIES: dict[str, Policy] = {"weighted": weighted.order}
"""By the name that FLEET_POLICY takes."""
