"""The two tables of latency.db: columns as people's scripts know them, and how a Trace becomes rows.

Plain sqlite3: sqlite-utils imports numpy wherever it is installed, 0.24 s and 16 MB of a coordinator's start for what
is said here in a few lines.
"""

import logging
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from coordinator.core.explanation import compact
from coordinator.journal import Trace

Row: TypeAlias = dict[str, Any]

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
_TYPES: dict[type, str] = {int: "INTEGER", str: "TEXT", float: "REAL"}
_INDEXED = """
    SELECT list.name, info.name FROM pragma_index_list(?) AS list, pragma_index_info(list.name) AS info
    WHERE NOT list.partial ORDER BY list.name, info.seqno"""
_INSERT = {
    table: f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"  # noqa: S608 - ours
    for table, (_, *names) in COLUMNS.items()
}


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
    with database:
        # Prepared once for all rows: this runs beside the event loop, and insert_all takes twice the time.
        database.executemany(_INSERT[TRACES], map(trace_row, traces))
        database.executemany(_INSERT[OBSERVATIONS], map(_observation_row, observed))


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
    call = trace.call
    return {
        "request_id": call.id,
        "model": trace.model,
        "original_model": call.asked_name,
        "node_id": trace.node_id,
        "score": trace.score,
        "scores_breakdown": _json(dict(trace.scores)),
        "status": "failed" if trace.status == "refused" else trace.status,
        "latency_ms": _ms(trace.latency_s),
        "time_to_first_token_ms": _ms(trace.first_byte_s),
        "prompt_tokens": trace.tokens.prompt,
        "completion_tokens": trace.tokens.completion,
        "retry_count": trace.retries,
        "fallback_used": int(trace.fallback),
        "excluded_nodes": _json(trace.excluded),
        "client_ip": call.origin.client_ip,
        "original_format": "embed" if call.operation == "embed" else call.dialect,
        "error_message": trace.error or None,
        "timestamp": trace.timestamp,
        "tags": _json(call.origin.tags),
        "status_code": trace.code,
        "context": trace.context or None,
        "context_overflow": trace.context_overflow or None,
        "decision": _decision(trace),
    }


def _decision(trace: Trace) -> str | None:
    """Worked out here, in the writer's thread. A fault in it must not cost the row."""
    if trace.decision is None:
        return None
    try:
        return _json(compact(trace.decision.explanation()))
    except Exception:
        log.exception("a decision cannot be told", extra={"request_id": trace.call.id})
        return None


def _observation_row(trace: Trace) -> Row:
    """Its latency is that on the node, without waiting and earlier attempts: it is what placing learns from."""
    return {
        "node_id": trace.node_id,
        "model_name": trace.model,
        "latency_ms": _ms(trace.run_s),
        "tokens_generated": trace.tokens.completion,
        "timestamp": trace.timestamp,
        "prompt_tokens": trace.tokens.prompt,
        "completion_tokens": trace.tokens.completion,
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
