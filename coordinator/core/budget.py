"""How many retries the fleet may afford: when everything fails, trying again makes it worse."""

from collections import deque

WINDOW_S = 10.0


class RetryBudget:
    """At every retry, those of the last 10 s, itself among them, are at most `floor`, or `share` of the calls that
    arrived in these 10 s, where that is more. So attempts are at most 1 + `share` times the calls, but for the floor.
    """

    def __init__(self, floor: int, share: float) -> None:
        self._floor = floor
        self._share = share
        self._calls: deque[float] = deque()
        self._retries: deque[float] = deque()

    def arrived(self, now: float) -> None:
        """A call came in."""
        self._calls.append(now)
        if self._calls[0] <= now - WINDOW_S:
            self._drop(now)

    def allows(self, now: float) -> bool:
        """Whether one more retry may begin."""
        self._drop(now)
        return len(self._retries) + 1 <= max(self._floor, self._share * len(self._calls))

    def left(self, now: float) -> float:
        """The part of it that is left, 0 to 1."""
        self._drop(now)
        whole = max(self._floor, self._share * len(self._calls))
        return max(0.0, 1 - len(self._retries) / whole) if whole else 0.0

    def spend(self, now: float) -> None:
        """A retry begins."""
        self._retries.append(now)

    def _drop(self, now: float) -> None:
        for times in (self._calls, self._retries):
            while times and times[0] <= now - WINDOW_S:
                times.popleft()
