"""Policies that know little: what placing by prediction or by points has to be better than.

Each orders the places that a call may take, best first. Among equals those used longest ago come first, then by name.
"""

from collections.abc import Sequence
from random import Random
from typing import Protocol, TypeVar

from coordinator.core.call import Call, Place
from coordinator.core.candidate import Candidate


class Option(Protocol):
    """A place that a call may take now."""

    @property
    def place(self) -> Place:
        """Where."""
        ...

    @property
    def candidate(self) -> Candidate:
        """As it is now."""
        ...


O = TypeVar("O", bound=Option)  # noqa: E741 - an option


class RoundRobin:
    """One machine after the other."""

    name = "round-robin"

    def __init__(self) -> None:
        self._turn: dict[str, int] = {}
        """When each machine came first last."""
        self._turns = 0

    def order(self, options: Sequence[O], _call: Call, _now: float) -> list[O]:
        """The machine that came first longest ago; by name at the beginning."""
        ordered = sorted(options, key=lambda each: (self._turn.get(each.place.node_id, 0), each.place))
        if ordered:
            self._turns += 1
            self._turn[ordered[0].place.node_id] = self._turns
        return ordered


class Chance:
    """Any place."""

    name = "random"

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def order(self, options: Sequence[O], _call: Call, _now: float) -> list[O]:
        """Shuffled."""
        ordered = sorted(options, key=_by_name)
        self._chance.shuffle(ordered)
        return ordered


class LeastConnections:
    """Where the fewest calls run."""

    name = "least-connections"

    def order(self, options: Sequence[O], _call: Call, _now: float) -> list[O]:
        """By the calls on the machine."""
        return sorted(options, key=_by_calls)


class TwoChoices:
    """The better of two that chance picks: nearly as good as the best of all, where all are alike."""

    name = "two-choices"

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def order(self, options: Sequence[O], _call: Call, _now: float) -> list[O]:
        """The better of two, the worse, then the others by chance."""
        ordered = sorted(options, key=_by_name)
        self._chance.shuffle(ordered)
        return [*sorted(ordered[:2], key=_by_calls), *ordered[2:]]


def _by_name(option: Option) -> Place:
    return option.place


def _by_calls(option: Option) -> tuple[int, int, Place]:
    candidate = option.candidate
    return (candidate.node_in_flight, candidate.last_used, option.place)
