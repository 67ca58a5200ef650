"""The policies that a simulation can run, by name.

The baselines of `baselines.py` wait for a Desk that asks its policy for an order; until then only what the Desk itself
knows may be entered, since another name would be nothing but that.
"""

from collections.abc import Callable
from random import Random

from coordinator.core.policies import POLICIES
from coordinator.core.policies.policy import Policy

Entered = Callable[[Random], Policy]
"""A policy of its own for one run; what it leaves to chance, it draws from there."""


def _always(policy: Policy) -> Entered:
    return lambda _chance: policy


ENTRANTS: dict[str, Entered] = {name: _always(policy) for name, policy in sorted(POLICIES.items())}


def entered(name: str, seed: int) -> Policy:
    """For one run. Raises KeyError."""
    return ENTRANTS[name](Random(f"{seed}/policy/{name}"))  # noqa: S311 - chance that can be repeated
