"""The newest samples of a figure, kept in order of their size, so that one more costs no sorting."""

from bisect import bisect_left, insort
from collections import deque


class Newest:
    """At most so many; the oldest goes for one more. Samples are numbers, none of them NaN."""

    __slots__ = ("_by_age", "ordered")

    def __init__(self, most: int) -> None:
        self._by_age: deque[float] = deque(maxlen=most)
        self.ordered: list[float] = []
        """The smallest first. Read only."""

    def __len__(self) -> int:
        return len(self.ordered)

    def add(self, sample: float) -> None:
        """The newest."""
        by_age, ordered = self._by_age, self.ordered
        if len(by_age) == by_age.maxlen:
            del ordered[bisect_left(ordered, by_age[0])]
        by_age.append(sample)
        insort(ordered, sample)
