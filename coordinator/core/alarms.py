"""Times at which held calls are to be looked at."""

import heapq

from coordinator.core.open_call import OpenCall


class Alarms:
    """Earliest first. One that no longer holds is left in here: whoever is handed it checks."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, OpenCall]] = []
        self._set = 0

    def set(self, at: float, waiting: OpenCall) -> None:
        """To be looked at then."""
        self._set += 1
        heapq.heappush(self._heap, (at, self._set, waiting))

    def due(self, now: float) -> list[tuple[float, OpenCall]]:
        """Those of up to now, with their times, taken out."""
        result = []
        while self._heap and self._heap[0][0] <= now:
            at, _, waiting = heapq.heappop(self._heap)
            result.append((at, waiting))
        return result
