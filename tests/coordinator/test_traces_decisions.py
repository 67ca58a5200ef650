"""The column of decisions: written in the store's own thread, kept for less long than its row, never in the way."""

import json
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from coordinator.core.explanation import Explanation, Kept, compact
from coordinator.journal import Trace
from coordinator.trace_tables import opened
from coordinator.traces import DECISIONS_QUEUED, TraceStore
from tests.fakes.builders import a_call
from tests.fakes.decisions import a_decision, a_place
from tests.fakes.traces import a_trace, count, rows, storing

DAY_S = 86_400.0
DECISIONS = "SELECT request_id, decision FROM request_traces ORDER BY id"
LARGE = a_decision(*(a_place(f"n{at}", thermal=50) for at in range(1, 41)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "latency.db"


def decided(call_id: str, *, timestamp: float | None = None) -> Trace:
    """A trace with a large decision."""
    trace = a_trace(a_call(call_id), timestamp=timestamp)
    return msgspec.structs.replace(trace, decision=Kept(LARGE))


class ToldWhere:
    """Tells in which thread it was asked."""

    thread = ""

    def explanation(self) -> Explanation:
        """A small one."""
        self.thread = threading.current_thread().name
        return a_decision(a_place("n1"))


class Broken:
    """A decision with a fault in it."""

    def explanation(self) -> Explanation:
        """Fails."""
        raise ZeroDivisionError("of the policy")


def test_the_best_of_a_decision_are_written(path: Path) -> None:
    with storing(path) as store:
        store.record(decided("c1"))
        store.record(a_trace(a_call("c2")))
    found = {row["request_id"]: row["decision"] for row in rows(path, DECISIONS)}
    assert msgspec.json.decode(found["c1"], type=Explanation) == compact(LARGE)
    assert found["c2"] is None


def test_it_is_worked_out_in_the_stores_own_thread(path: Path) -> None:
    told = ToldWhere()
    with storing(path) as store:
        store.record(msgspec.structs.replace(a_trace(), decision=told))
    assert told.thread == "traces"


def test_a_faulty_decision_costs_no_row_and_is_told(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with storing(path) as store:
        store.record(msgspec.structs.replace(a_trace(a_call("c1")), decision=Broken()))
        store.record(decided("c2"))
    assert [row["decision"] is None for row in rows(path, DECISIONS)] == [True, False]
    assert "a decision cannot be told" in caplog.text


def test_decisions_go_before_their_rows(path: Path) -> None:
    now = time.time()
    with storing(path) as store:
        for age in (80, 8, 6, 0):
            store.record(decided(f"{age} days", timestamp=now - age * DAY_S))
    with storing(path):
        pass
    kept = {row["request_id"]: row["decision"] is not None for row in rows(path, DECISIONS)}
    assert kept == {"80 days": False, "8 days": False, "6 days": True, "0 days": True}


def test_they_may_stay_as_long_as_their_rows(path: Path) -> None:
    store = TraceStore(path, 0, decision_days=0)
    store.start()
    store.record(decided("old", timestamp=time.time() - 1000 * DAY_S))
    store.close(10)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT COUNT(decision) FROM request_traces").fetchone() == (1,)


def test_looking_for_old_ones_walks_only_those_that_are_kept(path: Path) -> None:
    with closing(opened(path, 1)) as connection:
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM request_traces WHERE timestamp < 1 AND decision IS NOT NULL"
            " ORDER BY timestamp LIMIT 9"
        ).fetchall()
    assert "idx_request_traces_decisions" in str(plan)
    assert "TEMP B-TREE" not in str(plan)


def test_where_the_writer_is_far_behind_traces_wait_without_them(path: Path) -> None:
    def opened_late(where: Path, busy_s: float) -> sqlite3.Connection:
        assert recorded.wait(10)
        return opened(where, busy_s)

    recorded = threading.Event()
    with storing(path, open_database=opened_late) as store:
        for at in range(DECISIONS_QUEUED + 50):
            store.record(decided(f"c{at}"))
        recorded.set()
    assert count(path) == DECISIONS_QUEUED + 50
    without = [row["request_id"] for row in rows(path, DECISIONS) if row["decision"] is None]
    assert 0 < len(without) <= 50
    assert without[-1] == f"c{DECISIONS_QUEUED + 49}"


def test_a_file_of_before_gets_the_column(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE request_traces (id INTEGER PRIMARY KEY, request_id TEXT, timestamp REAL)"
        )
        connection.execute("INSERT INTO request_traces VALUES (1, 'old', ?)", [time.time()])
        connection.commit()
    with storing(path) as store:
        store.record(decided("new"))
    found = {row["request_id"]: row["decision"] for row in rows(path, DECISIONS)}
    assert found["old"] is None
    assert json.loads(found["new"])["policy"] == "weighted"
