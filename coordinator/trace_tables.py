"""The two tables of latency.db: columns as people's scripts know them, and how a Trace becomes rows.

Plain sqlite3: sqlite-utils imports numpy wherever it is installed, 0.24 s and 16 MB of a coordinator's start for what
is said here in a few lines.
"""

import logging
import sqlite3
from collections.abc import Iterable
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from coordinator.core.explanation import compact
from coordinator.journal import Trace
from shared.batches import giving_way

Row: TypeAlias = dict[str, Any]
Values: TypeAlias = tuple[object, ...]

TRACES = "request_traces"
OBSERVATIONS = "latency_observations"
COLUMNS: dict[str, dict[str, type]] = {
    TRACES: {
        "id": int,
        "request_id": str,
        "model": str,
        "original_model": str,
        "node_id": str,
        "score": float,
        "scores_breakdown": str,
        "status": str,
        "latency_ms": float,
        "time_to_first_token_ms": float,
        "prompt_tokens": int,
        "completion_tokens": int,
        "retry_count": int,
        "fallback_used": int,
        "excluded_nodes": str,
        "client_ip": str,
        "original_format": str,
        "error_message": str,
        "timestamp": float,
        "tags": str,
        "status_code": int,
        "context": str,
        "context_overflow": str,
        "decision": str,
        "key": str,
    },
    OBSERVATIONS: {
        "id": int,
        "node_id": str,
        "model_name": str,
        "latency_ms": float,
        "tokens_generated": int,
        "timestamp": float,
        "prompt_tokens": int,
        "completion_tokens": int,
    },
}
_INDEXES = {
    TRACES: (("request_id",), ("timestamp",), ("model", "timestamp"), ("node_id", "model"), ("tags",)),
    OBSERVATIONS: (("node_id", "model_name"), ("timestamp",), ("model_name", "timestamp")),
}
ROWS_AT_ONCE = 40
"""Of one statement. Row by row, SQLite takes twice the time, and this thread the interpreter's lock forty times as
often. SQLite's oldest limit of values in a statement, 999, allows 41."""
_TYPES: dict[type, str] = {int: "INTEGER", str: "TEXT", float: "REAL"}
_INDEXED = """
    SELECT list.name, info.name FROM pragma_index_list(?) AS list, pragma_index_info(list.name) AS info
    WHERE NOT list.partial ORDER BY list.name, info.seqno"""

_DECISIONS_INDEX = (
    f"CREATE INDEX IF NOT EXISTS idx_{TRACES}_decisions ON {TRACES} (timestamp) WHERE decision IS NOT NULL"
)
"""Few of the rows have one still: without it, finding those would mean to walk all."""

_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BESIDE = ("-wal", "-shm")
"""What SQLite keeps beside a file in WAL mode, by the end of its name."""

log = logging.getLogger("herd.traces")


def opened(path: Path, busy_s: float) -> sqlite3.Connection:
    """To write, tables made where they are missing. The connection belongs to the thread that opens it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=busy_s)
    try:
        connection.execute("PRAGMA journal_mode=wal")
        # In WAL, a crash of the machine costs the newest rows only.
        connection.execute("PRAGMA synchronous=NORMAL")
        for table in COLUMNS:
            _make(connection, table)
        connection.execute(_DECISIONS_INDEX)
    except BaseException:
        connection.close()
        raise
    return connection


def _make(database: sqlite3.Connection, table: str) -> None:
    """An older file keeps its rows and gets what it lacks."""
    columns = {name: f'"{name}" {_TYPES[kind]}' for name, kind in COLUMNS[table].items()}
    columns["id"] += " PRIMARY KEY"
    database.execute(f'CREATE TABLE IF NOT EXISTS "{table}" (\n   {_lines(columns.values())}\n)')
    there = {name for (name,) in database.execute("SELECT name FROM pragma_table_info(?)", [table])}
    for name in columns.keys() - there:
        database.execute(f'ALTER TABLE "{table}" ADD COLUMN {columns[name]}')
    indexed = _indexed(database, table)
    for index in _INDEXES[table]:
        if index not in indexed:
            name, of = "_".join(("idx", table, *index)), ", ".join(f'"{each}"' for each in index)
            database.execute(f'CREATE INDEX IF NOT EXISTS "{name}"\n    ON "{table}" ({of})')


def _lines(columns: Iterable[str]) -> str:
    return ",\n   ".join(columns)


def _indexed(database: sqlite3.Connection, table: str) -> set[tuple[str, ...]]:
    """The columns of each index, whatever its name; one over some of the rows does not count."""
    found: dict[str, tuple[str, ...]] = {}
    for index, column in database.execute(_INDEXED, [table]):
        found[index] = (*found.get(index, ()), column)
    return set(found.values())


def is_corrupt(error: Exception) -> bool:
    """The bytes of the file are at fault, not a lock, the disk or a permission: no later try could succeed."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT


def check(database: sqlite3.Connection) -> None:
    """Reads the whole file. Raises sqlite3.DatabaseError, `is_corrupt`, where its structure is broken."""
    found = [str(text) for (text,) in database.execute("PRAGMA quick_check(1)").fetchall()]
    if found != ["ok"]:
        error = sqlite3.DatabaseError("; ".join(found))
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def put_aside(path: Path, stamp: str) -> Path:
    """Renames a file that nobody here has open, with what lies beside it, to `PATH.corrupt-STAMP`.

    Raises OSError; FileExistsError rather than replace another.
    """
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    if aside.exists():
        raise FileExistsError(f"{aside} is there already")
    # The log first: left beside a new file, SQLite would play it back into that.
    for end in (*_BESIDE, ""):
        part = path.with_name(path.name + end)
        if part.exists():
            part.rename(aside.with_name(aside.name + end))
    return aside


def insert(database: sqlite3.Connection, traces: list[Trace]) -> None:
    """All of them, or none. Raises sqlite3.Error."""
    observed = [each for each in traces if each.status == "completed" and each.run_s is not None]
    # Put into words before the file is locked.
    rows = {
        TRACES: list(map(_trace_values, giving_way(traces))),
        OBSERVATIONS: list(map(_observation_values, observed)),
    }
    with database:
        for table, of_table in rows.items():
            _insert(database, table, of_table)


def _insert(connection: sqlite3.Connection, table: str, rows: list[Values]) -> None:
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        connection.execute(_inserting(table, len(some)), list(chain.from_iterable(some)))


@cache
def _inserting(table: str, rows: int) -> str:
    _, *names = COLUMNS[table]
    values = f"({', '.join('?' * len(names))})"
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES {', '.join([values] * rows)}"  # noqa: S608 - ours


def prune(database: sqlite3.Connection, before: float, at_most: int) -> bool:
    """Deletes older rows, some at a time so that no lock is held for long; whether there may be more."""
    more = False
    for table in COLUMNS:
        with database:
            gone = database.execute(
                f"DELETE FROM {table} WHERE id IN"  # noqa: S608 - a name of ours
                f" (SELECT id FROM {table} WHERE timestamp < ? ORDER BY timestamp LIMIT ?)",
                [before, at_most],
            ).rowcount
        more |= gone >= at_most
    return more


def forget_decisions(database: sqlite3.Connection, before: float, at_most: int) -> bool:
    """Empties the column of older rows, some at a time; whether there may be more."""
    with database:
        gone = database.execute(
            f"UPDATE {TRACES} SET decision = NULL WHERE id IN"  # noqa: S608 - a name of ours
            f" (SELECT id FROM {TRACES} WHERE timestamp < ? AND decision IS NOT NULL ORDER BY timestamp LIMIT ?)",
            [before, at_most],
        ).rowcount
    return bool(gone >= at_most)


def trace_row(trace: Trace) -> Row:
    """As it lies in the file, but for its id."""
    _, *names = COLUMNS[TRACES]
    return dict(zip(names, _trace_values(trace), strict=True))


def _trace_values(trace: Trace) -> Values:
    """In the order of the columns."""
    call, tokens = trace.call, trace.tokens
    origin = call.origin
    return (
        call.id,
        trace.model,
        call.asked_name,
        trace.node_id,
        trace.score,
        _json(dict(trace.scores)),
        "failed" if trace.status == "refused" else trace.status,
        _ms(trace.latency_s),
        _ms(trace.first_byte_s),
        tokens.prompt,
        tokens.completion,
        trace.retries,
        int(trace.fallback),
        _json(trace.excluded) if trace.excluded else "[]",
        origin.client_ip,
        "embed" if call.operation == "embed" else call.dialect,
        trace.error or None,
        trace.timestamp,
        _json(origin.tags) if origin.tags else "[]",
        trace.code,
        trace.context or None,
        trace.context_overflow or None,
        _decision(trace),
        origin.key or None,
    )


def _decision(trace: Trace) -> str | None:
    """Worked out here, in the writer's thread. A fault in it must not cost the row."""
    if trace.decision is None:
        return None
    try:
        return _json(compact(trace.decision.explanation()))
    except Exception:
        log.exception("a decision cannot be told", extra={"request_id": trace.call.id})
        return None


def _observation_values(trace: Trace) -> Values:
    """In the order of the columns. Its latency is that on the node, without waiting and earlier attempts: it is what
    placing learns from.
    """
    completion = trace.tokens.completion
    return (
        trace.node_id,
        trace.model,
        _ms(trace.run_s),
        completion,
        trace.timestamp,
        trace.tokens.prompt,
        completion,
    )


_encoder = msgspec.json.Encoder()


def _json(value: object) -> str:
    return _encoder.encode(value).decode()


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
