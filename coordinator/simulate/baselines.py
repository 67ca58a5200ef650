"""Policies that know little: what placing by prediction or by points has to be better than.

They have the Desk's own rules in common with policy `weighted`: tiers by context, one load at a time, and whether to
wait for a warm place rather than to load the model elsewhere. Only the order of the places is theirs.
"""

from collections.abc import Sequence
from random import Random

from coordinator.core.call import Place
from coordinator.core.fleet import Fleet
from coordinator.core.limits import Weights
from coordinator.core.node_load import NodeLoad
from coordinator.core.open_call import OpenCall
from coordinator.core.policies.weighted import Weighted
from coordinator.core.shelf import Chosen, Entry

EVERY = 1_000_000
"""Places that are looked at: all of them."""


class Baseline(Weighted):
    """Every place is looked at, in an order of its own."""

    by_points = False

    def shortlist(self, _subject: OpenCall, *, loaded: bool) -> int:  # noqa: ARG002 - nothing depends on it
        """All."""
        return EVERY

    def cost(self, _entry: Entry, _load: NodeLoad) -> float:
        """No place is better than another before a call is there."""
        return 0.0


class RoundRobin(Baseline):
    """One machine after the other."""

    name = "round-robin"

    def order(self, options: Sequence[Chosen], _subject: OpenCall, _now: float) -> list[Chosen]:
        """The machine that was given a call longest ago; by name at the beginning."""
        return sorted(options, key=_by_turn)


class Chance(Baseline):
    """Any place."""

    name = "random"

    def __init__(self, fleet: Fleet, weights: Weights, chance: Random) -> None:
        super().__init__(fleet, weights)
        self._chance = chance

    def order(self, options: Sequence[Chosen], _subject: OpenCall, _now: float) -> list[Chosen]:
        """Shuffled."""
        ordered = sorted(options, key=_by_name)
        self._chance.shuffle(ordered)
        return ordered


class LeastConnections(Baseline):
    """Where the fewest calls run."""

    name = "least-connections"

    def order(self, options: Sequence[Chosen], _subject: OpenCall, _now: float) -> list[Chosen]:
        """By the calls on the machine, then by turn."""
        return sorted(options, key=_by_calls)


class TwoChoices(Chance):
    """The better of two that chance picks: nearly as good as the best of all, where all are alike."""

    name = "two-choices"

    def order(self, options: Sequence[Chosen], subject: OpenCall, now: float) -> list[Chosen]:
        """The better of two, the worse, then the others by chance."""
        ordered = super().order(options, subject, now)
        return [*sorted(ordered[:2], key=_by_calls), *ordered[2:]]


def _by_name(option: Chosen) -> Place:
    return option.entry.place


def _by_turn(option: Chosen) -> tuple[int, Place]:
    return (max(option.entry.node.last_used.values(), default=0), option.entry.place)


def _by_calls(option: Chosen) -> tuple[int, tuple[int, Place]]:
    return (sum(option.entry.node.in_flight.values()), _by_turn(option))
