"""One figure, learned from samples: later ones count for more, an outlier moves it little."""

import math
from collections import deque
from typing import TypeAlias

KEPT = 15
"""Samples that count. A change is believed once half of their weight tells of it: after five or six."""
FADING = 0.9
"""Weight of a sample beside the one after it."""


Kept: TypeAlias = tuple[float, int]
"""A figure's value, and how many samples are behind it."""
UNKNOWN: Kept = (0.0, 0)
RECALLED = 5


class Figure:
    """A positive figure. Its value is the weighted median of the newest samples."""

    __slots__ = ("_samples", "count", "value")

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=KEPT)
        self.count = 0
        """Samples that count now, at most KEPT."""
        self.value = 0.0
        """0 before the first."""

    def add(self, sample: float) -> None:
        """The newest. One that is not positive, or no number, is left out."""
        if not 0 < sample < math.inf:
            return
        self._samples.append(sample)
        self.count = len(self._samples)
        self.value = self._median()

    def beside(self, prior: float) -> float:
        """With what was expected before, which counts as one sample (both on a scale of factors)."""
        if not self.count:
            return prior
        return math.exp((math.log(prior) + self.count * math.log(self.value)) / (self.count + 1))

    def fade(self) -> None:
        """The oldest sample counts no more."""
        if self._samples:
            self._samples.popleft()
            self.count = len(self._samples)
            self.value = self._median() if self._samples else 0.0

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
        newest_first = enumerate(reversed(self._samples))
        weighed = sorted((sample, FADING**age) for age, sample in newest_first)
        half = sum(weight for _, weight in weighed) / 2
        for sample, weight in weighed:
            half -= weight
            if half <= 0:
                return sample
        return weighed[-1][0]
