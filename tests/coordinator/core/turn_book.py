"""Whose turn it is among waiting calls, told a second time: class after ageing, then fair share, then arrival. What a
call has by its age goes to the fairest share of its class.
"""

from collections import Counter
from collections.abc import Collection, Sequence

from coordinator.core.call import Call
from coordinator.core.holding import Holding
from coordinator.core.open_call import OpenCall
from shared.names import CallId, ModelName

CLASSES = ("interactive", "batch", "background")
Running = Collection[tuple[Call, ModelName]]
"""Calls, each with the model that serves it."""


def in_line(holding: Holding) -> list[OpenCall]:
    """Every call that waits."""
    return [each for model in holding.counts() for each in holding.ordered_of(model)]


class TurnBook:
    """Learns from arrivals and placements, in the order of both."""

    def __init__(self, ageing_s: float) -> None:
        self._ageing_s = ageing_s
        self._arrived: dict[CallId, tuple[int, float]] = {}
        self._served: dict[tuple[str, ModelName], int] = {}
        self._lender: dict[CallId, str] = {}
        self._lent_at: dict[tuple[str, ModelName], int] = {}
        self._placements = 0

    def arrived(self, call: Call, now: float) -> None:
        """It is new."""
        self._arrived.setdefault(call.id, (len(self._arrived), now))

    def placed(self, call: Call, model: ModelName, lender: str) -> None:
        """It begins to run, in a turn of that client."""
        self._placements += 1
        self._served[call.client, model] = self._placements
        self._lender[call.id] = lender
        if lender != call.client:
            self._lent_at[lender, model] = self._placements

    def next(self, rivals: Sequence[Call], running: Running, now: float) -> tuple[Call, Call]:
        """Whose turn it is among calls that could all have the same place, and who goes in it."""
        own = Counter((call.client, model) for call, model in running)
        lent = Counter(
            (lender, model) for call, model in running if (lender := self._lender[call.id]) != call.client
        )

        def claim(call: Call) -> tuple[int, int, int]:
            key = (call.client, call.model)
            return (own[key], self._served.get(key, 0), self._arrived[call.id][0])

        def rank(call: Call) -> tuple[int, int, int, int]:
            key = (call.client, call.model)
            running, served, turn = claim(call)
            return (self._level(call, now), running + lent[key], max(served, self._lent_at.get(key, 0)), turn)

        leader = min(rivals, key=rank)
        alike = [each for each in rivals if (each.priority, each.model) == (leader.priority, leader.model)]
        return leader, min(alike, key=claim)

    def _level(self, call: Call, now: float) -> int:
        lifted = int((now - self._arrived[call.id][1]) / self._ageing_s + 1e-9)
        return max(0, CLASSES.index(call.priority) - lifted)
