"""Traces for tests, each field with a default that a test overrides by name; and rows as they lie in a file."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from coordinator import trace_tables
from coordinator.core.call import Call, Tokens
from coordinator.journal import Status, Trace
from coordinator.traces import TraceStore
from tests.fakes.builders import MODEL, a_call

SCORES = {"thermal": 50.0, "memory_fit": 20.0, "total": 70.0}


def a_trace(
    call: Call | None = None,
    *,
    status: Status = "completed",
    node_id: str = "n1",
    model: str = MODEL,
    run_s: float | None = 2.0,
    tokens: Tokens | None = None,
    error: str = "",
    timestamp: float | None = None,
    code: int = 200,
    reason: str = "",
) -> Trace:
    """A completed chat on n1: three seconds from its arrival, two of them on its node."""
    return Trace(
        call=call or a_call(),
        status=status,
        code=code,
        node_id=node_id,
        engine="ollama",
        model=model,
        score=70.0,
        scores=SCORES,
        latency_s=3.0,
        run_s=run_s,
        first_byte_s=1.5,
        tokens=tokens or Tokens(11, 5),
        retries=0,
        fallback=False,
        excluded=(),
        error=error,
        reason=reason,
        timestamp=time.time() if timestamp is None else timestamp,
    )


def rows(path: Path, query: str, *values: object) -> list[dict[str, Any]]:
    """What a person's script would read. Nothing while the tables are not there yet."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(query, values)]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise


def count(path: Path, table: str = "request_traces") -> int:
    """Rows of a table."""
    counted = rows(path, f"SELECT COUNT(*) AS n FROM {table}")  # noqa: S608 - the test's own word
    return int(counted[0]["n"]) if counted else 0


@contextmanager
def storing(
    path: Path,
    *,
    days: float = 90,
    open_database: Callable[[Path, float], sqlite3.Connection] = trace_tables.opened,
    limit: int = 10_000,
) -> Iterator[TraceStore]:
    """A store that runs; at the end all of it is in the file."""
    store = TraceStore(path, days, open_database, limit)
    store.start()
    yield store
    store.close(10)
