"""Locked files, full disks, killed programs: what that costs is counted, and no call pays for it."""

import asyncio
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from coordinator import trace_tables
from coordinator.trace_reader import TraceReader
from coordinator.traces import TraceStore
from shared.errors import Unavailable
from tests.fakes.builders import MODEL
from tests.fakes.traces import a_trace, count, storing
from tests.fakes.waiting import eventually
from tests.fleet.harness import REPOSITORY

ON_DISK_S = 0.5


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "latency.db"


def a_folder(path: Path) -> Path:
    """Where the file should be: nothing can be written."""
    path.mkdir(parents=True)
    return path


async def test_a_file_locked_for_seconds_loses_nothing_and_holds_up_nobody(path: Path) -> None:
    with storing(path) as store:
        store.record(a_trace())
        await eventually(lambda: count(path) == 1)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            until = time.monotonic() + 3
            took: list[float] = []

            def recorded_for_seconds() -> bool:
                before = time.monotonic()
                store.record(a_trace())
                took.append(time.monotonic() - before)
                return before > until

            await eventually(recorded_for_seconds, every_s=0.005)
            await eventually(lambda: "locked" in store.store_status()["error"])
            connection.execute("ROLLBACK")
        await eventually(lambda: count(path) == len(took) + 1, 10)
        assert store.store_status()["error"] == ""
        assert store.dropped == 0
        assert max(took) < 0.1


async def test_a_full_disk_drops_rows_and_counts_them(path: Path) -> None:
    full = [True]

    def tiny(at: Path, busy_s: float) -> sqlite3.Connection:
        database = trace_tables.opened(at, busy_s)
        if full[0]:
            (pages,) = database.execute("PRAGMA page_count").fetchone()
            database.execute(f"PRAGMA max_page_count = {pages + 1}").fetchone()
        return database

    with storing(path, open_database=tiny) as store:
        for _ in range(400):
            store.record(a_trace(error="x" * 200))
        await eventually(lambda: store.dropped == 400, 10)
        assert "full" in store.store_status()["error"]
        full[0] = False
        store.record(a_trace())
        await eventually(lambda: count(path) == 1)
        assert store.store_status()["error"] == ""


async def test_a_queue_that_is_full_drops_and_says_so_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = TraceStore(a_folder(path), 90, queue_limit=10)
    for _ in range(50):
        store.record(a_trace())
    assert store.dropped == 40
    assert len([each for each in caplog.records if "writer is behind" in each.message]) == 1
    store.start()
    await asyncio.to_thread(store.close, 10)
    assert store.dropped == 50
    assert "unable to open" in store.store_status()["error"]


KILLED = """
import sys, time
from pathlib import Path
from coordinator.traces import TraceStore
from tests.fakes.traces import a_trace
from tests.fakes.builders import a_call
store = TraceStore(Path(sys.argv[1]), 90)
store.start()
for number in range(100):
    store.record(a_trace(a_call(f"c{number}")))
print(time.monotonic(), flush=True)
sys.stdin.read()
"""


async def test_a_killed_coordinator_keeps_the_rows_of_half_a_second_ago(path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED, str(path)),
        cwd=REPOSITORY,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    recorded_at = float(await process.stdout.readline())
    await eventually(lambda: time.monotonic() > recorded_at + ON_DISK_S)
    process.kill()
    await process.wait()
    assert len(TraceReader(path).traces(1000)) == 100, "read-only, on a file that nobody closed"
    assert count(path) == count(path, "latency_observations") == 100


def test_a_reader_cannot_write_and_says_what_is_wrong(path: Path) -> None:
    with pytest.raises(Unavailable, match=r"latency\.db cannot be read"):
        TraceReader(path).overview()
    assert TraceReader(path).latencies(64) == []
    path.parent.mkdir()
    path.write_bytes(b"no database " * 1000)
    with pytest.raises(Unavailable, match="not a database"):
        TraceReader(path).latencies(64)


ODD_ROWS: tuple[tuple[object, object, object], ...] = (
    ("n1", MODEL, "oops"),
    ("n1", MODEL, b"\x00\xff"),
    ("n1", MODEL, None),
    ("n1", MODEL, float("inf")),
    ("n1", MODEL, -5.0),
    (None, MODEL, 5.0),
    ("n1", None, 5.0),
    (b"\xff", MODEL, 5.0),
)


def test_rows_that_make_no_sense_are_left_out_of_what_is_remembered(path: Path) -> None:
    with storing(path) as store:
        store.record(a_trace(run_s=1.0))
        store.record(a_trace(run_s=2.0))
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(
            "INSERT INTO latency_observations (node_id, model_name, latency_ms, timestamp) VALUES (?, ?, ?, 1)",
            ODD_ROWS,
        )
        connection.commit()
    assert TraceReader(path).latencies(64) == [("n1", MODEL, [1.0, 2.0])]


def test_a_file_that_cannot_even_be_looked_for_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        TraceReader(tmp_path / ("long" * 100) / "latency.db").latencies(64)


def test_a_value_that_nests_without_end_is_shown_as_it_is(path: Path) -> None:
    deep = "[" * 100_000
    with storing(path) as store:
        store.record(a_trace())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE request_traces SET tags = ?", [deep])
        connection.commit()
    (row,) = TraceReader(path).traces(1)
    assert row["tags"] == deep
