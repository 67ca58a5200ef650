"""A call between arrival and end, as the Desk keeps it."""

import math
from typing import Any, TypeAlias

from coordinator.core.call import Call, Place
from coordinator.core.context import bucket, needed_tokens, prompt_bucket
from shared.errors import FleetError
from shared.names import ModelName, NodeId

GroupKey: TypeAlias = tuple[
    tuple[ModelName, ...],
    frozenset[str],
    frozenset[NodeId],
    frozenset[Place],
    tuple[int, int, bool],
    bool | None,
    frozenset[str],
]

LEVELS = {"interactive": 0, "batch": 1, "background": 2}
"""Where a class of calls begins; the lower goes first, and waiting lowers it."""
_NOWHERE: frozenset[Any] = frozenset()


class OpenCall:
    """`place` is None while it is held. What few calls ever change stands on the class."""

    waited_s = 0.0
    until = math.inf
    """While it is held: when its waiting is looked at, to be ended or prolonged."""
    rises_at = math.inf
    """While it is held: when ageing lowers `level`; inf: it is the lowest."""
    first_byte = False
    awaits_caller = False
    """Whether the last bytes are still being written to the caller."""
    crashed: tuple[Place, ...] = ()
    """Where the engine broke while it worked on this call."""
    first_byte_at: float | None = None
    found_loaded = False
    """At its placement: whether the model was in memory."""
    found_cached = False
    """Likewise, whether a part of its prompt was perhaps read there before."""
    work_at_start = 0.0
    """Of its node, in call-seconds."""
    work_at_first_byte = 0.0
    """Likewise."""
    error: FleetError | None = None
    lender: str | None = None
    """While it runs: the client in whose turn it was placed, where that was not its own."""

    def __init__(self, call: Call, turn: int, now: float) -> None:
        """`turn` orders calls by arrival."""
        self.becomes(call)
        self.turn = turn
        self.place: Place | None = None
        self.arrived_at = self.placed_at = self.progress_at = now
        self.level = LEVELS[call.priority]
        self.waits_since: float | None = None
        """The start of its waiting, moved back by earlier waiting; None while it is not held."""
        self.excluded: frozenset[NodeId] = _NOWHERE
        """Nodes on which it failed."""
        self.passed_over: frozenset[Place] = _NOWHERE
        """Places that cannot be told what it says, or that lack the model after all."""
        self.retries = 0

    def becomes(self, call: Call) -> None:
        """The same, with more known of it."""
        self.call = call
        self.needed = needed_tokens(call)
        """Tokens of context."""

    def begins_to_wait(self, now: float) -> float:
        """It is held; the time from which its waiting counts."""
        self.waits_since = now - self.waited_s
        return self.waits_since

    def stops_waiting(self, now: float) -> None:
        """It was held, and is placed: the time it runs does not count."""
        assert self.waits_since is not None  # noqa: S101 - it was held
        self.waited_s, self.waits_since = now - self.waits_since, None

    def ages(self, now: float, ageing_s: float) -> None:
        """Sets `level` and `rises_at`: a class lower for each `ageing_s` since its arrival."""
        self.level, self.rises_at = LEVELS[self.call.priority], self.arrived_at + ageing_s
        while self.level and self.rises_at <= now:
            self.level -= 1
            self.rises_at += ageing_s
        if not self.level:
            self.rises_at = math.inf

    @property
    def key(self) -> GroupKey:
        """Calls with equal keys can take the same places. Contexts count by steps, so that there are few."""
        call = self.call
        return (
            call.models,
            call.abilities,
            self.excluded,
            self.passed_over,
            (bucket(self.needed), prompt_bucket(call), call.asks_thinking),
            call.may_substitute,
            call.allows,
        )

    def may_try(self, place: Place) -> bool:
        """Whether it has not failed there before."""
        return place.node_id not in self.excluded and place not in self.passed_over
