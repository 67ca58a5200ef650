"""Whose turn it is among waiting calls, told a second time: class after ageing, then fair share, then arrival. What a
call has by its age goes to the fairest share of its class.
"""

from collections import Counter
from collections.abc import Sequence

from coordinator.core.call import Call
from coordinator.core.holding import Holding
from coordinator.core.open_call import OpenCall
from shared.names import CallId, ModelName

CLASSES = ("interactive", "batch", "background")
Rank = tuple[int, int, int, int]


def in_line(holding: Holding) -> list[OpenCall]:
    """Every call that waits."""
    return [each for model in holding.counts() for each in holding.ordered_of(model)]


class TurnBook:
    """Learns from arrivals and placements, in the order of both."""

    def __init__(self, ageing_s: float) -> None:
        self._ageing_s = ageing_s
        self._arrived: dict[CallId, tuple[int, float]] = {}
        self._served: dict[tuple[str, ModelName], int] = {}
        self._placements = 0

    def arrived(self, call: Call, now: float) -> None:
        """It is new."""
        self._arrived.setdefault(call.id, (len(self._arrived), now))

    def placed(self, call: Call, model: ModelName) -> None:
        """It begins to run."""
        self._placements += 1
        self._served[call.client, model] = self._placements

    def rank(self, call: Call, running: "Counter[tuple[str, ModelName]]", now: float) -> Rank:
        """The lowest goes first. `running`: calls by client and the model that serves them."""
        turn, arrived_at = self._arrived[call.id]
        lifted = int((now - arrived_at) / self._ageing_s + 1e-9)
        level = max(0, CLASSES.index(call.priority) - lifted)
        key = (call.client, call.model)
        return (level, running[key], self._served.get(key, 0), turn)

    def next(self, rivals: Sequence[Call], running: "Counter[tuple[str, ModelName]]", now: float) -> Call:
        """Whose turn it is among calls that could all have the same place."""
        ranks = {call.id: self.rank(call, running, now) for call in rivals}
        leader = min(rivals, key=lambda call: ranks[call.id])
        alike = [each for each in rivals if (each.priority, each.model) == (leader.priority, leader.model)]
        return min(alike, key=lambda call: ranks[call.id][1:])
