"""When each of some things is due."""

import heapq
import math
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
SLACK = 64
"""Times that no longer hold which are kept beside as many as hold, before they are swept."""


class Alarms(Generic[Key]):
    """One time for each key, the earliest first. Every step takes the same time, some sweeps aside."""

    def __init__(self) -> None:
        self._at: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._set = 0

    def __len__(self) -> int:
        """Times that are kept, those included that no longer hold: at most twice the keys, and SLACK."""
        return len(self._heap)

    def set(self, at: float, key: Key) -> None:
        """It is due then, and not when it was before. A time that never comes is none."""
        if at == math.inf:
            self.drop(key)
        elif self._at.get(key) != at:
            self._at[key] = at
            self._set += 1
            heapq.heappush(self._heap, (at, self._set, key))
            self._sweep()

    def drop(self, key: Key) -> None:
        """It is not due any more."""
        if self._at.pop(key, None) is not None:
            self._sweep()

    def next_at(self) -> float:
        """Nothing is due before; inf: nothing ever is."""
        return self._heap[0][0] if self._heap else math.inf

    def due(self, now: float) -> list[Key]:
        """What is, in the order of its times, taken out."""
        result = []
        while self._heap and self._heap[0][0] <= now:
            at, _, key = heapq.heappop(self._heap)
            if self._at.get(key) == at:
                del self._at[key]
                result.append(key)
        return result

    def _sweep(self) -> None:
        if len(self._heap) > 2 * len(self._at) + SLACK:
            self._heap = [each for each in self._heap if self._at.get(each[2]) == each[0]]
            heapq.heapify(self._heap)
