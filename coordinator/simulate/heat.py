"""A machine that becomes slower when it is busy for long, until it has cooled."""

import math

COOLS = 2.0
"""Seconds of work that one second of rest makes good."""
COOL_AT = 0.5
"""Part of the heat at which it throttles, at which it has cooled."""


class Heat:
    """Seconds of work in its bones. It changes by straight lines, so that the next change is known."""

    def __init__(self, hot_after_s: float, throttled: float) -> None:
        """`hot_after_s` 0: it never throttles; `throttled`: the part of its speed that is left."""
        self._limit = hot_after_s or math.inf
        self._throttled = throttled
        self._heat = 0.0
        self.is_hot = False

    @property
    def speed(self) -> float:
        """Part of its speed that it has now."""
        return self._throttled if self.is_hot else 1.0

    def passes(self, seconds: float, *, busy: bool) -> None:
        """So much time has passed; never beyond `changes_in`."""
        if busy:
            self._heat = min(self._limit, self._heat + seconds)
        else:
            self._heat = max(0.0, self._heat - COOLS * seconds)
        if self._heat >= self._limit * (1 - 1e-9):
            self.is_hot = True
        elif self._heat <= self._limit * COOL_AT * (1 + 1e-9):
            self.is_hot = False

    def changes_in(self, *, busy: bool) -> float:
        """Seconds until its speed is another one, if it goes on like this."""
        if busy and not self.is_hot:
            return self._limit - self._heat
        if not busy and self.is_hot:
            return (self._heat - self._limit * COOL_AT) / COOLS
        return math.inf
