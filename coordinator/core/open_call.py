"""A call between arrival and end, as the Desk keeps it."""

import math
from typing import TypeAlias

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
]

LEVELS = {"interactive": 0, "batch": 1, "background": 2}
"""Where a class of calls begins; the lower goes first, and waiting lowers it."""


class OpenCall:
    """`place` is None while it is held."""

    __slots__ = (
        "arrived_at",
        "awaits_caller",
        "call",
        "crashed",
        "error",
        "excluded",
        "first_byte",
        "first_byte_at",
        "found_cached",
        "found_loaded",
        "level",
        "needed",
        "passed_over",
        "place",
        "placed_at",
        "progress_at",
        "retries",
        "rises_at",
        "turn",
        "until",
        "waited_s",
        "waits_since",
        "work_at_first_byte",
        "work_at_start",
    )

    def __init__(self, call: Call, turn: int, now: float) -> None:
        """`turn` orders calls by arrival."""
        self.becomes(call)
        self.turn = turn
        self.arrived_at = now
        self.place: Place | None = None
        self.placed_at = now
        self.progress_at = now
        self.waits_since: float | None = None
        """The start of its waiting, moved back by earlier waiting; None while it is not held."""
        self.waited_s = 0.0
        self.until = math.inf
        """While it is held: when its waiting is looked at, to be ended or prolonged."""
        self.level = LEVELS[call.priority]
        self.rises_at = math.inf
        """While it is held: when ageing lowers `level`; inf: it is the lowest."""
        self.first_byte = False
        self.awaits_caller = False
        """Whether the last bytes are still being written to the caller."""
        self.excluded: frozenset[NodeId] = frozenset()
        """Nodes on which it failed."""
        self.passed_over: frozenset[Place] = frozenset()
        """Places that cannot be told what it says, or that lack the model after all."""
        self.crashed: tuple[Place, ...] = ()
        """Where the engine broke while it worked on this call."""
        self.first_byte_at: float | None = None
        self.found_loaded = self.found_cached = False
        """At its placement: whether the model was in memory, and a part of its prompt perhaps read before."""
        self.work_at_start = self.work_at_first_byte = 0.0
        """Of its node, in call-seconds."""
        self.retries = 0
        self.error: FleetError | None = None

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
        """It was placed: the time it runs does not count."""
        if self.waits_since is not None:
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
        )

    def may_try(self, place: Place) -> bool:
        """Whether it has not failed there before."""
        return place.node_id not in self.excluded and place not in self.passed_over
