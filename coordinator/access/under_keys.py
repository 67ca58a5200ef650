"""The requests under way that were let in by a key: they end with it."""

from collections.abc import Iterable
from typing import Protocol


class _Cut(Protocol):
    def abort(self) -> None:
        """Ends the connection."""
        ...


class UnderKeys:
    """Requests without a key cost nothing here."""

    def __init__(self) -> None:
        self._open: dict[str, set[_Cut]] = {}

    def begun(self, key_id: str, exchange: _Cut) -> None:
        """Let in by that key."""
        self._open.setdefault(key_id, set()).add(exchange)

    def ended(self, key_id: str, exchange: _Cut) -> None:
        """Answered, or given up."""
        there = self._open.get(key_id, set())
        there.discard(exchange)
        if not there:
            self._open.pop(key_id, None)

    def cut(self, key_ids: Iterable[str]) -> None:
        """Their connections are closed, whatever is under way on them."""
        for key_id in key_ids:
            for exchange in list(self._open.get(key_id, ())):
                exchange.abort()

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))
