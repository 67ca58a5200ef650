"""What every policy is."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from coordinator.core.call import Call
from coordinator.core.candidate import Candidate
from coordinator.core.limits import Weights
from coordinator.core.policies.scored import Scored


class Policy(NamedTuple):
    """`order(candidates, call, weights)`: best first, each with its points."""

    name: str
    order: Callable[[Iterable[Candidate], Call, Weights], list[Scored]]
