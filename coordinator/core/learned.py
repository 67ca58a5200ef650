"""One figure, learned from samples: later ones count for more, an outlier moves it little."""

import math
from bisect import bisect_left, insort
from collections import deque
from itertools import accumulate
from typing import TypeAlias

KEPT = 15
"""Samples that count. A change is believed once half of their weight tells of it: after five or six."""
FADING = 0.9
"""Weight of a sample beside the one after it."""
_WEIGHTS = tuple(FADING**age for age in range(KEPT))
"""By how many came after it."""
_HALVES = (0.0, *(total / 2 for total in accumulate(_WEIGHTS)))
"""Of the weight of so many samples."""


Kept: TypeAlias = tuple[float, int]
"""A figure's value, and how many samples are behind it."""
UNKNOWN: Kept = (0.0, 0)
RECALLED = 5


class Figure:
    """A positive figure. Its value is the weighted median of the newest samples."""

    __slots__ = ("_by_age", "_ordered", "_turn", "count", "value")

    def __init__(self) -> None:
        self._by_age: deque[tuple[float, int]] = deque()
        """Samples with their turns, the oldest first."""
        self._ordered: list[tuple[float, int]] = []
        """The same, the smallest first: kept so, since sorting them anew took most of what a call teaches."""
        self._turn = 0
        self.count = 0
        """Samples that count now, at most KEPT."""
        self.value = 0.0
        """0 before the first."""

    def add(self, sample: float) -> None:
        """The newest. One that is not positive, or no number, is left out."""
        if not 0 < sample < math.inf:
            return
        if self.count == KEPT:
            self._drop_oldest()
        self._turn += 1
        newest = (sample, self._turn)
        self._by_age.append(newest)
        insort(self._ordered, newest)
        self.count += 1
        self.value = self._median()

    def beside(self, prior: float) -> float:
        """With what was expected before, which counts as one sample (both on a scale of factors)."""
        if not self.count:
            return prior
        return math.exp((math.log(prior) + self.count * math.log(self.value)) / (self.count + 1))

    def fade(self) -> None:
        """The oldest sample counts no more."""
        if self.count:
            self._drop_oldest()
            self.value = self._median() if self.count else 0.0

    def _drop_oldest(self) -> None:
        del self._ordered[bisect_left(self._ordered, self._by_age.popleft())]
        self.count -= 1

    def kept(self) -> Kept:
        """All there is to keep."""
        return (float(f"{self.value:.4g}"), self.count)

    @classmethod
    def recalled(cls, kept: Kept) -> "Figure":
        """One that was kept: it counts for RECALLED samples at most, since much may have changed."""
        figure = cls()
        value, count = kept
        for _ in range(min(count, RECALLED)):
            figure.add(value)
        return figure

    def _median(self) -> float:
        left, turn = _HALVES[self.count], self._turn
        for sample, at in self._ordered:
            left -= _WEIGHTS[turn - at]
            if left <= 0:
                return sample
        return self._ordered[-1][0]
