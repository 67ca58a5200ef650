"""Decisions in latency.db. Call it in a thread, as TraceReader."""

from typing import Any, NamedTuple

from coordinator.trace_reader import TraceReader, rows
from coordinator.trace_tables import Row

ROWS_OF_A_CALL = 50
"""More than any call's attempts; of an id that was used more often, the newest."""

_OF_A_CALL = "SELECT * FROM request_traces WHERE request_id = ? ORDER BY id DESC LIMIT ?"
_DECISIONS = """
    SELECT id, request_id, timestamp, status, decision FROM request_traces
    WHERE decision IS NOT NULL AND timestamp >= ? AND id < ?
    ORDER BY id DESC LIMIT ?"""
LAST_ID = 2**63 - 1


class Page(NamedTuple):
    """Some of the decisions, newest first. `before`: what to ask for to get the next; None: no more."""

    rows: list[dict[str, Any]]
    before: int | None


class Stored:
    """Raises Unavailable where the file cannot be read."""

    def __init__(self, reader: TraceReader) -> None:
        self._reader = reader

    def of(self, request_id: str) -> list[Row]:
        """Rows of calls with that id, oldest first."""
        with self._reader.opened() as database:
            return rows(database, _OF_A_CALL, [request_id, ROWS_OF_A_CALL])[::-1]

    def decisions(self, limit: int, since: float, before: int) -> Page:
        """`since`: seconds of Unix time; `before`: an id of the file."""
        with self._reader.opened() as database:
            decided = rows(database, _DECISIONS, [since, before, limit])
        return Page(decided, decided[-1]["id"] if len(decided) == limit else None)
