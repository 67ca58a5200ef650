"""Calls that wait. First come, first served among those that could take the same place."""

import bisect
import math
from collections import deque
from typing import TypeAlias

from coordinator.core.call import Call, Place
from coordinator.core.context import bucket
from shared.errors import FleetError
from shared.names import CallId, ModelName, NodeId

GroupKey: TypeAlias = tuple[tuple[ModelName, ...], frozenset[str], frozenset[NodeId], int]

DRAIN_WINDOW_S = 30.0
RETRY_AFTER_UNKNOWN_S = 5
RETRY_AFTER_LONGEST_S = 60


class OpenCall:
    """A call between arrival and end. `place` is None while it is held."""

    __slots__ = (
        "arrived_at",
        "awaits_caller",
        "call",
        "error",
        "excluded",
        "first_byte",
        "place",
        "placed_at",
        "progress_at",
        "retries",
        "turn",
        "waited_s",
        "waits_since",
    )

    def __init__(self, call: Call, turn: int, now: float) -> None:
        """`turn` orders calls by arrival."""
        self.call = call
        self.turn = turn
        self.arrived_at = now
        self.place: Place | None = None
        self.placed_at = now
        self.progress_at = now
        self.waits_since: float | None = None
        """The start of its waiting, moved back by earlier waiting; None while it is not held."""
        self.waited_s = 0.0
        self.first_byte = False
        self.awaits_caller = False
        """Whether the last bytes are still being written to the caller."""
        self.excluded: frozenset[NodeId] = frozenset()
        self.retries = 0
        self.error: FleetError | None = None

    def begins_to_wait(self, now: float) -> float:
        """It is held; the time from which its waiting counts."""
        self.waits_since = now - self.waited_s
        return self.waits_since

    def stops_waiting(self, now: float) -> None:
        """It was placed: the time it runs does not count."""
        if self.waits_since is not None:
            self.waited_s, self.waits_since = now - self.waits_since, None

    @property
    def key(self) -> GroupKey:
        """Calls with equal keys can take the same places."""
        return (self.call.models, self.call.abilities, self.excluded, bucket(self.call))


class Holding:
    """Groups of calls that can take the same places, each in order of arrival."""

    def __init__(self) -> None:
        self._groups: dict[GroupKey, list[OpenCall]] = {}
        self._count = 0
        self._ended: deque[float] = deque(maxlen=1024)

    def __len__(self) -> int:
        return self._count

    def add(self, waiting: OpenCall) -> None:
        """Takes its turn by arrival: a call that comes back after a failure does not start at the end."""
        bisect.insort(self._groups.setdefault(waiting.key, []), waiting, key=lambda each: each.turn)
        self._count += 1

    def remove(self, waiting: OpenCall) -> None:
        """It was placed, refused or cancelled."""
        group = self._groups[waiting.key]
        group.remove(waiting)
        self._count -= 1
        if not group:
            del self._groups[waiting.key]

    def waits_for(self, key: GroupKey) -> bool:
        """Whether a call with this key would have to stand behind another."""
        return key in self._groups

    def groups(self) -> list[list[OpenCall]]:
        """The group whose first call is oldest comes first. Copies: calls may be removed while iterating."""
        return [list(group) for group in sorted(self._groups.values(), key=lambda group: group[0].turn)]

    def overdue(self, now: float, hold_s: float) -> list[OpenCall]:
        """Calls that have waited long enough."""
        return [
            each
            for group in self.groups()
            for each in group
            if each.waits_since is not None and now - each.waits_since >= hold_s
        ]

    def counts(self) -> dict[ModelName, int]:
        """Waiting calls by the model they asked for."""
        result: dict[ModelName, int] = {}
        for (models, *_), group in self._groups.items():
            result[models[0]] = result.get(models[0], 0) + len(group)
        return result

    def position(self, call_id: CallId) -> int | None:
        """0 for the first of its group; None: not held."""
        for group in self._groups.values():
            for index, each in enumerate(group):
                if each.call.id == call_id:
                    return index
        return None

    def ended(self, now: float) -> None:
        """A call left its place: how fast that happens is how fast the queue moves."""
        self._ended.append(now)

    def retry_after(self, now: float) -> int:
        """Seconds, from how many wait and how fast calls have been ending."""
        recent = sum(1 for at in self._ended if now - at < DRAIN_WINDOW_S)
        if not recent:
            return RETRY_AFTER_UNKNOWN_S
        return max(1, min(RETRY_AFTER_LONGEST_S, math.ceil(self._count * DRAIN_WINDOW_S / recent)))
