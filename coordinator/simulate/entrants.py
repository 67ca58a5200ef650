"""The policies that a simulation can run, by name."""

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from msgspec import Struct

from coordinator.core.policies import POLICIES
from coordinator.core.policies.policy import MakePolicy
from coordinator.simulate.baselines import Chance, LeastConnections, RoundRobin, TwoChoices
from coordinator.simulate.clairvoyant import Clairvoyant, sight
from coordinator.simulate.workloads.jobs import Job
from coordinator.simulate.world import World


class Given(Struct, frozen=True):
    """What a policy may be made from. An honest one takes nothing but `chance`."""

    chance: Random
    there: World
    jobs: Sequence[Job]
    """The call `c7` is number 7."""


Entered = Callable[[Given], MakePolicy]
"""A policy of its own for each run."""


def _always(policy: MakePolicy) -> Entered:
    return lambda _given: policy


ENTRANTS: dict[str, Entered] = {
    RoundRobin.name: _always(RoundRobin),
    Chance.name: lambda given: partial(Chance, chance=given.chance),
    LeastConnections.name: _always(LeastConnections),
    TwoChoices.name: lambda given: partial(TwoChoices, chance=given.chance),
    **{name: _always(policy) for name, policy in sorted(POLICIES.items(), reverse=True)},
    Clairvoyant.name: lambda given: partial(Clairvoyant, seen=sight(given.there, given.jobs)),
}


def entered(name: str, there: World, jobs: Sequence[Job]) -> MakePolicy:
    """For one run. Raises KeyError."""
    chance = Random(f"{there.seed}/policy/{name}")  # noqa: S311 - to be repeated
    return ENTRANTS[name](Given(chance, there, jobs))
