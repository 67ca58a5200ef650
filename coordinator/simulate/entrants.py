"""The policies that a simulation can run, by name.

The baselines of `baselines.py` wait for a Desk that asks its policy for an order; until then only what the Desk itself
knows may be entered, since another name would be nothing but that.
"""

from collections.abc import Callable, Sequence
from random import Random

from msgspec import Struct

from coordinator.core.policies import POLICIES
from coordinator.core.policies.policy import Policy
from coordinator.simulate.workloads.jobs import Job
from coordinator.simulate.world import World


class Given(Struct, frozen=True):
    """What a policy may be made from. An honest one takes nothing but `chance`."""

    chance: Random
    there: World
    jobs: Sequence[Job]
    """The call `c7` is number 7."""


Entered = Callable[[Given], Policy]
"""A policy of its own for each run."""


def _always(policy: Policy) -> Entered:
    return lambda _given: policy


ENTRANTS: dict[str, Entered] = {name: _always(policy) for name, policy in sorted(POLICIES.items())}


def entered(name: str, there: World, jobs: Sequence[Job]) -> Policy:
    """For one run. Raises KeyError."""
    chance = Random(f"{there.seed}/policy/{name}")  # noqa: S311 - to be repeated
    return ENTRANTS[name](Given(chance, there, jobs))
