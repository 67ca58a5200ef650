"""Fair shares: whose call goes next among calls of the same class that want the same model."""

from typing import TypeAlias

from coordinator.core.open_call import OpenCall
from shared.names import ModelName

KEPT = 4_096
"""Clients and models of which it is remembered when they were last served."""
SLACK = 256
"""So many more may be kept before the oldest are forgotten, all at once."""

Claim: TypeAlias = tuple[int, int, int]
"""Calls of the client that run now, when it was served, the arrival of this one."""
Rank: TypeAlias = tuple[int, int, int, int]
"""The class after ageing, and these."""


class Shares:
    """For each client and model: how many calls run now, and when one was last placed.

    Who has the fewest calls running goes first, among equals who was served longest ago: places are shared alike, and a
    client with one call at a time waits for one place to become free, however many calls another has waiting.
    """

    def __init__(self) -> None:
        self._running: dict[tuple[str, ModelName], int] = {}
        self._served: dict[tuple[str, ModelName], int] = {}
        self._placements = 0

    def placed(self, client: str, model: ModelName) -> None:
        """A call of `client` begins to run."""
        key = (client, model)
        self._placements += 1
        self._running[key] = self._running.get(key, 0) + 1
        self._served[key] = self._placements
        if len(self._served) > KEPT + SLACK:
            self._forget()

    def ended(self, client: str, model: ModelName) -> None:
        """It runs no more."""
        key = (client, model)
        self._running[key] -= 1
        if not self._running[key]:
            del self._running[key]

    def _forget(self) -> None:
        newest = sorted(self._served, key=self._served.__getitem__)[-KEPT:]
        self._served = {each: self._served[each] for each in newest}

    def rank(self, waiting: OpenCall) -> Rank:
        """The lowest has the next turn."""
        return (waiting.level, *self.claim(waiting))

    def claim(self, waiting: OpenCall) -> Claim:
        """The same within a class. The lowest is the fairest."""
        key = (waiting.call.client, waiting.call.model)
        return (self._running.get(key, 0), self._served.get(key, 0), waiting.turn)

    def of(self, client: str, model: ModelName) -> tuple[int, int]:
        """Calls running now, and the number of its last placement (0: none is known)."""
        key = (client, model)
        return self._running.get(key, 0), self._served.get(key, 0)
