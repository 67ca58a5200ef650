"""Fair shares: whose call goes next among calls of the same class that want the same model."""

from typing import TypeAlias

from coordinator.core.open_call import OpenCall
from shared.names import ModelName

KEPT = 4_096
"""Clients and models of which it is remembered when they were last served."""
SLACK = 256
"""So many more may be kept before the oldest are forgotten, all at once."""

_Key: TypeAlias = tuple[str, ModelName]
Claim: TypeAlias = tuple[int, int, int]
"""Calls of the client that run now, when it was served, the arrival of this one."""
Rank: TypeAlias = tuple[int, int, int, int]
"""The class after ageing, and a claim in which counts what the client has lent."""


class Shares:
    """For each client and model: how many calls run now, and when one was last placed.

    Who has the fewest calls running goes first, among equals who was served longest ago: places are shared alike, and a
    client with one call at a time waits for one place to become free, however many calls another has waiting.

    A client whose call has a turn by its age may lend it to a fairer claim of its class. Against other classes that
    counts as its own: else a class would get by one aged call as many places as it has clients.
    """

    def __init__(self) -> None:
        self._running: dict[_Key, int] = {}
        self._served: dict[_Key, int] = {}
        self._lent: dict[_Key, int] = {}
        """Calls of others that run in its turn."""
        self._lent_at: dict[_Key, int] = {}
        self._placements = 0

    def placed(self, client: str, model: ModelName, lender: str | None = None) -> None:
        """A call of `client` begins to run, in a turn of `lender`."""
        key = (client, model)
        self._placements += 1
        self._running[key] = self._running.get(key, 0) + 1
        self._served[key] = self._placements
        if len(self._served) > KEPT + SLACK:
            self._served = _newest(self._served)
        if lender is not None:
            self._lends((lender, model))

    def _lends(self, key: _Key) -> None:
        self._lent[key] = self._lent.get(key, 0) + 1
        self._lent_at[key] = self._placements
        if len(self._lent_at) > KEPT + SLACK:
            self._lent_at = _newest(self._lent_at)

    def ended(self, client: str, model: ModelName, lender: str | None = None) -> None:
        """It runs no more."""
        _one_less(self._running, (client, model))
        if lender is not None:
            _one_less(self._lent, (lender, model))

    @property
    def lent(self) -> bool:
        """Whether ranks and claims of a class may differ in more than ageing."""
        return bool(self._lent_at)

    def rank(self, waiting: OpenCall) -> Rank:
        """The lowest has the next turn."""
        claim = self.claim(waiting)
        if not self._lent_at:  # as nearly always
            return (waiting.level, *claim)
        lent, lent_at = self.lent_by(waiting.call.client, waiting.call.model)
        return (waiting.level, claim[0] + lent, max(claim[1], lent_at), claim[2])

    def claim(self, waiting: OpenCall) -> Claim:
        """Within a class the lowest is the fairest."""
        key = (waiting.call.client, waiting.call.model)
        return (self._running.get(key, 0), self._served.get(key, 0), waiting.turn)

    def of(self, client: str, model: ModelName) -> tuple[int, int]:
        """Calls running now, and the number of its last placement (0: none is known)."""
        key = (client, model)
        return self._running.get(key, 0), self._served.get(key, 0)

    def lent_by(self, client: str, model: ModelName) -> tuple[int, int]:
        """The same of what others run in its turns."""
        key = (client, model)
        return self._lent.get(key, 0), self._lent_at.get(key, 0)


def _one_less(counts: dict[_Key, int], key: _Key) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


def _newest(numbers: dict[_Key, int]) -> dict[_Key, int]:
    newest = sorted(numbers, key=numbers.__getitem__)[-KEPT:]
    return {each: numbers[each] for each in newest}
