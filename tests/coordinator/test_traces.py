"""The TraceStore on real files: what is in them, and that nothing that happens to a file reaches a call."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from sqlite_utils import Database

from coordinator.core.call import Origin, Tokens
from coordinator.core.desk import Desk
from coordinator.trace_reader import TraceReader
from coordinator.trace_tables import ROWS_AT_ONCE, insert, opened
from tests.fakes.builders import MODEL, a_beat, a_call, a_desk, with_loaded
from tests.fakes.traces import a_trace, count, rows, storing
from tests.fakes.waiting import eventually

DAY_S = 86_400.0
ON_DISK_S = 0.5

OPERATORS_QUERIES = (
    "SELECT request_id, model, node_id, score, scores_breakdown FROM request_traces"
    " ORDER BY timestamp DESC LIMIT 1",
    "SELECT node_id, model, COUNT(*), ROUND(AVG(latency_ms)/1000.0,1),"
    " ROUND(AVG(COALESCE(completion_tokens,0)*1000.0/NULLIF(latency_ms,0)),1) FROM request_traces"
    " WHERE status='completed' GROUP BY node_id, model HAVING COUNT(*)>10",
    "SELECT * FROM request_traces LIMIT 1",
    "SELECT value, COUNT(*) FROM request_traces, json_each(tags) GROUP BY value",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "latency.db"


def test_a_row_has_every_column_that_scripts_know(path: Path) -> None:
    origin = Origin("/api/chat", "127.0.0.1", ("team:a", "b"), "night")
    call = msgspec.structs.replace(a_call("c7"), asked_name="Llama3.2")
    with storing(path) as store:
        store.record(a_trace(msgspec.structs.replace(call, origin=origin)))
    (row,) = rows(path, "SELECT * FROM request_traces")
    assert 0 <= time.time() - row.pop("timestamp") < 60
    assert json.loads(row.pop("scores_breakdown")) == {"thermal": 50.0, "memory_fit": 20.0, "total": 70.0}
    assert row == {
        "id": 1,
        "request_id": "c7",
        "key": "night",
        "model": MODEL,
        "original_model": "Llama3.2",
        "node_id": "n1",
        "score": 70.0,
        "status": "completed",
        "latency_ms": 3000.0,
        "time_to_first_token_ms": 1500.0,
        "prompt_tokens": 11,
        "completion_tokens": 5,
        "retry_count": 0,
        "fallback_used": 0,
        "excluded_nodes": "[]",
        "client_ip": "127.0.0.1",
        "original_format": "ollama",
        "error_message": None,
        "tags": '["team:a","b"]',
        "status_code": 200,
        "context": None,
        "context_overflow": None,
        "decision": None,
    }
    (observed,) = rows(path, "SELECT * FROM latency_observations")
    assert (observed["node_id"], observed["model_name"], observed["latency_ms"]) == ("n1", MODEL, 2000.0)
    assert (observed["tokens_generated"], observed["prompt_tokens"], observed["completion_tokens"]) == (
        5,
        11,
        5,
    )


def test_the_file_is_wal_has_its_indexes_and_answers_operators_queries(path: Path) -> None:
    with storing(path) as store:
        for _ in range(12):
            store.record(a_trace())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        for query in OPERATORS_QUERIES:
            connection.execute(query).fetchall()
        assert connection.execute(OPERATORS_QUERIES[1]).fetchall() == [("n1", MODEL, 12, 3.0, 1.7)]
    indexes = {tuple(each.columns) for each in Database(path).table("request_traces").indexes}
    assert indexes == {
        ("request_id",),
        ("timestamp",),
        ("model", "timestamp"),
        ("node_id", "model"),
        ("tags",),
    }


def test_only_completed_calls_teach_latency(path: Path) -> None:
    with storing(path) as store:
        for status in ("failed", "retried", "rejected", "client_disconnected", "incomplete", "refused"):
            store.record(a_trace(status=status))
    assert count(path) == 6
    assert count(path, "latency_observations") == 0
    assert rows(path, "SELECT COUNT(*) AS n FROM request_traces WHERE status = 'failed'") == [{"n": 2}]


async def test_rows_come_in_batches_and_soon(path: Path) -> None:
    with storing(path) as store:
        await eventually(lambda: path.exists() and count(path) == 0)
        for number in range(1000):
            store.record(a_trace(a_call(f"c{number}")))
        began = time.monotonic()
        await eventually(lambda: count(path) == 1000)
        assert time.monotonic() - began < 5
        assert store.store_status() == {
            "path": str(path),
            "written": 1000,
            "dropped": 0,
            "queued": 0,
            "error": "",
        }
        assert [
            row["request_id"] for row in rows(path, "SELECT request_id FROM request_traces ORDER BY id")
        ] == [f"c{number}" for number in range(1000)]


def test_old_rows_go_at_the_start_and_others_stay(path: Path) -> None:
    now = time.time()
    with storing(path, days=0) as store:
        for age in (100, 91, 89, 0):
            store.record(a_trace(timestamp=now - age * DAY_S))
    assert count(path) == 4
    with storing(path, days=90):
        pass
    assert count(path) == count(path, "latency_observations") == 2


def test_an_older_file_keeps_its_rows_and_gets_what_it_lacks(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE request_traces (id INTEGER PRIMARY KEY, request_id TEXT, status TEXT, timestamp REAL,"
            " finish_reason TEXT)"
        )
        connection.execute(
            "INSERT INTO request_traces VALUES (1, 'old', 'completed', ?, 'stop')", [time.time()]
        )
        connection.commit()
    with storing(path) as store:
        store.record(a_trace(a_call("new")))
    assert [row["request_id"] for row in TraceReader(path).traces(10)] == ["new", "old"]


def test_reading_adds_up_and_a_retried_attempt_is_no_call(path: Path) -> None:
    day = 1_700_000_000.0
    with storing(path, days=0) as store:
        for status in ("completed", "completed", "retried", "failed", "rejected", "client_disconnected"):
            store.record(a_trace(status=status, tokens=Tokens(10, 2), timestamp=day))
        store.record(a_trace(model="other", tokens=Tokens(), timestamp=day))
    reader = TraceReader(path)
    assert reader.overview() == {
        "total_requests": 3,
        "total_prompt_tokens": 20,
        "total_completion_tokens": 4,
        "total_tokens": 24,
        "models_count": 2,
    }
    usage = {row["model"]: row for row in reader.usage(day - 1)}
    assert usage[MODEL] == {
        "node_id": "n1",
        "model": MODEL,
        "day": "2023-11-14",
        "request_count": 5,
        "completed": 2,
        "failed": 2,
        "avg_latency_ms": 3000.0,
        "total_prompt_tokens": 50,
        "total_completion_tokens": 10,
    }
    assert usage["other"]["completed"] == 1
    assert reader.usage(day + 1) == []


def test_the_newest_latencies_teach_a_new_desk(path: Path) -> None:
    with storing(path) as store:
        for seconds in range(100):
            store.record(a_trace(run_s=float(seconds)))
        store.record(a_trace(node_id="n2", run_s=0.5))
    desk: Desk = a_desk(a_beat("n1", with_loaded()))
    for node_id, model, lasted in TraceReader(path).latencies(64):
        desk.remember(node_id, model, lasted)
    known = {key: desk.fleet.latencies.p75(*key) for key in (("n1", MODEL), ("n2", MODEL))}  # type: ignore[arg-type]
    assert known == {("n1", MODEL): 84.0, ("n2", MODEL): 0.5}


def test_which_models_answered_in_the_last_week_is_known(path: Path) -> None:
    now = time.time()
    assert TraceReader(path).served(0, now) == []
    with storing(path) as store:
        for age_s in (10, 20, DAY_S, 8 * DAY_S):
            store.record(a_trace(a_call(model="asked:7b"), model="Served", timestamp=now - age_s))
        store.record(a_trace(model="failed:7b", status="failed", timestamp=now - 10))
    found = TraceReader(path).served(now - 7 * DAY_S, now)
    assert {name for name, _, _ in found} == {"Served:latest"}
    assert sum(calls for _, _, calls in found) == 3
    assert all(now - 7 * DAY_S - 3600 < hour <= now for _, hour, _ in found)


@pytest.mark.parametrize("more", [-1, 0, 1, ROWS_AT_ONCE + 3])
def test_rows_of_several_statements_are_all_there_in_order(path: Path, more: int) -> None:
    names = [f"c{number}" for number in range(ROWS_AT_ONCE + more)]
    with closing(opened(path, 1)) as connection:
        insert(connection, [a_trace(a_call(name), run_s=at) for at, name in enumerate(names)])
    assert [row["request_id"] for row in rows(path, "SELECT * FROM request_traces ORDER BY id")] == names
    observed = rows(path, "SELECT latency_ms FROM latency_observations ORDER BY id")
    assert [row["latency_ms"] for row in observed] == [1000.0 * at for at in range(len(names))]
