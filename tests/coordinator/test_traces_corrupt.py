"""A file that is no database any more is put aside, and only such a one; a file of the reference product is used."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from coordinator import trace_tables
from coordinator.trace_reader import TraceReader
from coordinator.traces import TraceStore
from shared.errors import Unavailable
from tests.fakes.builders import a_call
from tests.fakes.traces import a_trace, count, rows, storing
from tests.fakes.waiting import eventually

PAGE = 4096
TABLE_LEAF = 0x0D
"""The first byte of a page with rows of a table, in SQLite's format."""
REFERENCE = """
    CREATE TABLE request_traces (id INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL,
        model TEXT NOT NULL, original_model TEXT NOT NULL, node_id TEXT NOT NULL, score REAL, scores_breakdown TEXT,
        status TEXT NOT NULL, latency_ms REAL, time_to_first_token_ms REAL, prompt_tokens INTEGER,
        completion_tokens INTEGER, retry_count INTEGER DEFAULT 0, fallback_used INTEGER DEFAULT 0,
        excluded_nodes TEXT, client_ip TEXT, original_format TEXT, error_message TEXT, timestamp REAL NOT NULL{});
    CREATE TABLE latency_observations (id INTEGER PRIMARY KEY AUTOINCREMENT, node_id TEXT NOT NULL,
        model_name TEXT NOT NULL, latency_ms REAL NOT NULL, tokens_generated INTEGER, timestamp REAL NOT NULL);
    CREATE TABLE fleet_briefings (timestamp REAL, briefing TEXT);
    INSERT INTO request_traces (request_id, model, original_model, node_id, status, timestamp)
        VALUES ('old', 'm', 'm', 'n1', 'no_output', {now});
    INSERT INTO latency_observations (node_id, model_name, latency_ms, timestamp) VALUES ('n1', 'm', 1500, {now});
"""
"""The columns of the reference's file: of its first version with `{}` empty, of its newest with NEWER there."""
NEWER = ", tags TEXT, finish_reason TEXT, estimated_tokens INTEGER"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "latency.db"


def aside(path: Path) -> list[Path]:
    """What was put aside, without what lies beside it."""
    found = path.parent.glob("latency.db.corrupt-????????-??????")
    return sorted(found)


def a_full_file(path: Path) -> None:
    with storing(path) as store:
        for number in range(300):
            store.record(a_trace(a_call(f"old-{number}")))
    assert path.stat().st_size > 20 * PAGE


def bytes_of(path: Path) -> bytes:
    return path.read_bytes()


def no_database(path: Path) -> None:
    path.write_bytes(b"no database " * 1000)


def a_spoilt_schema(path: Path) -> None:
    a_full_file(path)
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * (PAGE - 100))


def spoilt_after_its_header(path: Path) -> None:
    a_full_file(path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(PAGE)
        file.write(b"\xff" * (size - PAGE))


@pytest.mark.parametrize("spoil", [no_database, a_spoilt_schema, spoilt_after_its_header])
async def test_a_corrupt_file_is_put_aside_and_a_new_one_begun(
    path: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    spoil(path)
    before = bytes_of(path)
    with storing(path) as store:
        store.record(a_trace(a_call("new")))
        await eventually(lambda: store.store_status()["written"] == 1)
        assert store.dropped == 0
        assert store.store_status()["error"] == ""
        assert [row["request_id"] for row in TraceReader(path).traces(10)] == ["new"]
    (kept,) = aside(path)
    assert bytes_of(kept) == before
    assert [each for each in caplog.records if f"moved aside to {kept}" in each.getMessage()]
    assert rows(path, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]


async def test_the_log_beside_a_corrupt_file_goes_with_it(path: Path) -> None:
    """Left where it was, SQLite would play it back into the new file."""
    a_full_file(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("UPDATE request_traces SET request_id = 'from the log'")
        connection.commit()
        log = path.with_name("latency.db-wal").read_bytes()
    no_database(path)
    path.with_name("latency.db-wal").write_bytes(log)
    with storing(path) as store:
        store.record(a_trace(a_call("new")))
    (kept,) = aside(path)
    assert kept.with_name(kept.name + "-wal").read_bytes() == log
    assert rows(path, "SELECT request_id FROM request_traces") == [{"request_id": "new"}]


async def test_a_reader_that_finds_it_corrupt_tells_the_writer(path: Path) -> None:
    """The writer adds rows at the end and would not notice for weeks."""
    a_full_file(path)
    with storing(path) as store:
        reader = TraceReader(path, store.suspect)
        await eventually(lambda: len(reader.traces(1)) == 1)
        with path.open("r+b") as file:
            whole = file.read()
            starts = range(PAGE, len(whole), PAGE)
            leaf = next(at for at in starts if whole[at] == TABLE_LEAF and b"old-9" in whole[at : at + PAGE])
            file.seek(leaf)
            file.write(b"\xff" * PAGE)
        with pytest.raises(Unavailable, match="malformed"):
            reader.traces(1000)
        await eventually(lambda: aside(path))
        store.record(a_trace(a_call("new")))
        await eventually(lambda: count(path) == 1)
        assert [row["request_id"] for row in reader.traces(1000)] == ["new"]


async def test_a_reader_that_is_wrong_again_and_again_costs_one_look(path: Path) -> None:
    a_full_file(path)
    opened: list[Path] = []

    def counted(at: Path, busy_s: float) -> sqlite3.Connection:
        opened.append(at)
        return trace_tables.opened(at, busy_s)

    with storing(path, open_database=counted) as store:
        for number in range(1, 6):
            store.suspect()
            store.record(a_trace())

            def written(expected: int = 300 + number) -> bool:
                return count(path) == expected

            await eventually(written)
    assert len(opened) == 2, "at the start, and to look at all of it"
    assert aside(path) == []


async def test_a_disk_that_spoils_each_new_file_gets_one_aside_a_minute(path: Path) -> None:
    def spoilt(at: Path, _busy_s: float) -> object:
        no_database(at)
        return trace_tables.opened(at, 0)

    with storing(path, open_database=spoilt) as store:  # type: ignore[arg-type]
        store.record(a_trace())
        await eventually(lambda: store.dropped == 1, 10)
        assert "not a database" in store.store_status()["error"]
    assert len(aside(path)) == 1


@pytest.mark.parametrize(
    "code",
    [
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_ERROR,
    ],
)
async def test_nothing_else_moves_a_file(path: Path, code: int) -> None:
    a_full_file(path)

    def failing(_path: Path, _busy_s: float) -> object:
        error = sqlite3.OperationalError("as the test says")
        error.sqlite_errorcode = code
        raise error

    store = TraceStore(path, 90, failing)  # type: ignore[arg-type]
    store.record(a_trace())
    store.start()
    await eventually(lambda: "as the test says" in store.store_status()["error"])
    store.close(10)
    assert aside(path) == []
    assert count(path) == 300


@pytest.mark.parametrize("columns", ["", NEWER])
def test_a_file_of_the_reference_product_is_gone_on_with(path: Path, columns: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(REFERENCE.replace("{}", columns).replace("{now}", str(time.time())))
    with storing(path) as store:
        store.record(a_trace(a_call("new"), status="rejected", node_id="", run_s=None))
        store.record(a_trace(a_call("newer"), run_s=2.5))
    assert store.dropped == 0
    reader = TraceReader(path)
    assert [row["request_id"] for row in reader.traces(10)] == ["newer", "new", "old"]
    assert reader.overview()["total_requests"] == 2
    assert ("n1", "m", [1.5]) in reader.latencies(9)
    assert count(path, "fleet_briefings") == 0
    assert aside(path) == []
