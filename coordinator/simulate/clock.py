"""Virtual time: what happens next happens now. Nothing else in a simulation knows time."""

from collections.abc import Callable
from heapq import heappop, heappush

Action = Callable[[], None]


class Clock:
    """Actions at moments. What is due in the same moment happens in the order in which it was asked for."""

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds since the beginning of the world."""
        self._heap: list[tuple[float, int, Action]] = []
        self._order = 0

    def at(self, when: float, action: Action) -> None:
        """In `when` (never before now) do that."""
        self._order += 1
        heappush(self._heap, (max(when, self.now), self._order, action))

    def run(self, over: Callable[[], bool]) -> None:
        """Until it is over, or nothing is left to happen."""
        while self._heap and not over():
            self.now, _, action = heappop(self._heap)
            action()
