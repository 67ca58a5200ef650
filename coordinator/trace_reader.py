"""Reads latency.db on connections of its own that cannot write. Call it in a thread: a disk may be slow."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from coordinator import trace_tables
from shared.errors import Unavailable
from shared.names import ModelName, NodeId, is_model_name, normalise

BUSY_S = 1.0
DAY_S = 86_400.0
LONGEST_MS = 30 * DAY_S * 1000
"""What a call may have taken; other programs write this file too, and SQLite takes any value in any column."""
STEPS_BETWEEN_LOOKS = 100_000
"""Of SQLite's machine, a millisecond or so: after so many a query looks whether it is to stop."""

_DECODED = ("scores_breakdown", "excluded_nodes", "tags")

_TRACES = "SELECT * FROM request_traces ORDER BY timestamp DESC, id DESC LIMIT ?"
_OVERVIEW = """
    SELECT COUNT(*) AS total_requests,
           COALESCE(SUM(prompt_tokens), 0) AS total_prompt_tokens,
           COALESCE(SUM(completion_tokens), 0) AS total_completion_tokens,
           COALESCE(SUM(prompt_tokens), 0) + COALESCE(SUM(completion_tokens), 0) AS total_tokens,
           COUNT(DISTINCT model_name) AS models_count
    FROM latency_observations"""
# +node_id, +model: by the bare names SQLite would take the order of their index and walk the whole table, whatever the
# window. With the signs it takes the index of timestamp.
_USAGE = """
    SELECT node_id, model, date(timestamp, 'unixepoch') AS day,
           COUNT(*) AS request_count,
           SUM(status = 'completed') AS completed,
           SUM(status IN ('failed', 'incomplete', 'rejected')) AS failed,
           AVG(CASE WHEN status = 'completed' THEN latency_ms END) AS avg_latency_ms,
           COALESCE(SUM(prompt_tokens), 0) AS total_prompt_tokens,
           COALESCE(SUM(completion_tokens), 0) AS total_completion_tokens
    FROM request_traces
    WHERE timestamp >= ? AND status != 'retried'
    GROUP BY +node_id, +model, day
    ORDER BY day DESC, request_count DESC, node_id, model"""
_PAIRS = """
    SELECT DISTINCT node_id, model_name FROM latency_observations
    WHERE typeof(node_id) = 'text' AND typeof(model_name) = 'text'"""
_NEWEST = """
    SELECT latency_ms FROM latency_observations
    WHERE node_id = ? AND model_name = ?
      AND typeof(latency_ms) IN ('real', 'integer') AND latency_ms BETWEEN 0 AND ?
    ORDER BY id DESC LIMIT ?"""

_SERVED = """
    SELECT model, CAST(timestamp / 3600 AS INTEGER) * 3600 AS hour, COUNT(*) FROM request_traces
    WHERE timestamp >= ? AND timestamp < ? AND status = 'completed' AND typeof(model) = 'text'
    GROUP BY +model, hour"""


class TraceReader:
    """Raises Unavailable where the file cannot be read. `suspect` is told where its bytes are at fault."""

    def __init__(self, path: Path, suspect: Callable[[], None] = lambda: None) -> None:
        self._path = path
        self._suspect = suspect
        self._closed = threading.Event()

    def close(self) -> None:
        """Queries that run end with Unavailable, in their own threads: the process need not wait for long ones."""
        self._closed.set()

    def traces(self, limit: int) -> list[dict[str, Any]]:
        """The newest, newest first."""
        with self.opened() as database:
            return [_decoded(row) for row in rows(database, _TRACES, [limit])]

    def overview(self) -> dict[str, Any]:
        """Sums over completed calls."""
        with self.opened() as database:
            return rows(database, _OVERVIEW)[0]

    def usage(self, since: float) -> list[dict[str, Any]]:
        """By node, model and day (UTC), from that Unix time on; a retried attempt is no call."""
        with self.opened() as database:
            return rows(database, _USAGE, [since])

    def latencies(self, newest: int) -> list[tuple[NodeId, ModelName, list[float]]]:
        """Seconds of the newest calls of each model on each node, oldest first. None before the first start.

        Rows that make no sense are left out.
        """
        if not self._exists():
            return []
        with self.opened() as database:
            return [
                (node_id, model, _seconds(database, [node_id, model, LONGEST_MS, newest]))
                for node_id, model in database.execute(_PAIRS).fetchall()
            ]

    def served(self, since: float, until: float) -> list[tuple[ModelName, float, int]]:
        """Calls that ended well between those Unix times, by the model that served and the hour (its start).

        None before the first start.
        """
        if not self._exists():
            return []
        with self.opened() as database:
            served = database.execute(_SERVED, [since, until]).fetchall()
        return [(normalise(name), hour, calls) for name, hour, calls in served if is_model_name(name)]

    def _exists(self) -> bool:
        try:
            return self._path.exists()
        except OSError as error:
            raise Unavailable(f"{self._path.name} cannot be read: {error.strerror}", retry_after=2) from error

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """A connection for one question. Raises Unavailable where the file cannot be read."""
        address = self._path.absolute().as_uri() + "?mode=ro"
        try:
            with closing(sqlite3.connect(address, uri=True, timeout=BUSY_S)) as connection:
                connection.set_progress_handler(self._closed.is_set, STEPS_BETWEEN_LOOKS)
                yield connection
        except sqlite3.Error as error:
            if trace_tables.is_corrupt(error):
                self._suspect()
            raise Unavailable(f"{self._path.name} cannot be read: {error}", retry_after=2) from error


def rows(database: sqlite3.Connection, query: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
    """Of a query, by the names of its columns. Raises sqlite3.Error."""
    cursor = database.execute(query, values)
    names = [column for column, *_ in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _seconds(database: sqlite3.Connection, asked: list[Any]) -> list[float]:
    return [ms / 1000 for (ms,) in database.execute(_NEWEST, asked)][::-1]


def _decoded(row: dict[str, Any]) -> dict[str, Any]:
    """As scripts read it: lists and the breakdown as values, the flag as one."""
    row.pop("id", None)
    row.pop("decision", None)  # large; /fleet/explain tells it
    for column in _DECODED:
        row[column] = _value(row.get(column))
    row["fallback_used"] = bool(row["fallback_used"])
    return row


def _value(text: object) -> object:
    try:
        return msgspec.json.decode(text) if isinstance(text, str) and text else None
    except (msgspec.DecodeError, RecursionError):
        return text
