"""The owner's use in the last five minutes: where it goes, and whether the machine is being worked hard. Pure."""

from collections import deque
from typing import NamedTuple

TREND_S = 300.0
LEAST_S = 60.0
"""Less than this shows no trend."""
NOW_S = 30.0
"""What counts as now: with one reading alone the ceiling would move every few seconds."""
FULL_SWING_PCT = 50.0
"""A rise by so much, from one half of the window to the other, is the strongest trend there is."""
HIGH_PCT = 85.0
SUSTAINED_S = 120.0


class Reading(NamedTuple):
    """Per cent of the machine, over `seconds` that ended at `at`."""

    at: float
    seconds: float
    use_pct: float


class Recent:
    """Times are those of a clock that never goes back."""

    def __init__(self) -> None:
        self._readings: deque[Reading] = deque()
        self._high_since: float | None = None

    def observe(self, reading: Reading) -> None:
        """Newer than all before. After a time that was not seen, hard work has to be seen anew."""
        if self._readings and reading.at - reading.seconds - self._readings[-1].at > NOW_S:
            self._high_since = None
        self._readings.append(reading)
        while self._readings[0].at <= reading.at - TREND_S:
            self._readings.popleft()
        if reading.use_pct <= HIGH_PCT:
            self._high_since = None
        elif self._high_since is None:
            self._high_since = reading.at - reading.seconds

    def forget(self) -> None:
        """Time has passed that was not seen: the machine slept."""
        self._readings.clear()
        self._high_since = None

    def use_pct(self) -> float:
        """Now; 0 where nothing was seen."""
        if not self._readings:
            return 0.0
        end = self._readings[-1].at
        return _mean([each for each in self._readings if each.at > end - NOW_S])

    def trend(self) -> float:
        """-1 (the use falls) to 1 (it rises); 0 while too little was seen."""
        if not self._readings or self._seen_s() < LEAST_S:
            return 0.0
        first, last = self._readings[0], self._readings[-1]
        middle = (first.at - first.seconds + last.at) / 2
        earlier = [each for each in self._readings if each.at - each.seconds / 2 <= middle]
        later = [each for each in self._readings if each.at - each.seconds / 2 > middle]
        if not earlier or not later:
            return 0.0
        return max(-1.0, min(1.0, (_mean(later) - _mean(earlier)) / FULL_SWING_PCT))

    def worked_hard(self) -> bool:
        """Above HIGH_PCT for SUSTAINED_S or longer, up to the last reading."""
        since = self._high_since
        return since is not None and self._readings[-1].at - since >= SUSTAINED_S

    def _seen_s(self) -> float:
        return self._readings[-1].at - self._readings[0].at + self._readings[0].seconds


def _mean(readings: list[Reading]) -> float:
    """By time: a longer reading counts more."""
    seconds = sum(each.seconds for each in readings)
    return sum(each.use_pct * each.seconds for each in readings) / seconds if seconds else 0.0
