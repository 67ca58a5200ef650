"""Sums over latency.db, from rows that a store really wrote."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coordinator.advice.holdings import holdings
from coordinator.advice.inventory import inventory
from coordinator.advice.recommend import recommendations
from coordinator.core.call import Call, Origin, Tokens
from coordinator.health.report import report
from coordinator.health.snapshot import CallFigures, ErrorCount, Overflow, StatusCount
from coordinator.journal import Trace
from coordinator.trace_reader import TraceReader
from coordinator.trace_reports import TraceReports
from shared.errors import Unavailable
from tests.fakes.builders import a_call
from tests.fakes.seen import a_node, a_snapshot
from tests.fakes.traces import a_trace, storing

HOUR_S, DAY_S = 3_600.0, 86_400.0
NOON = 20_000 * DAY_S + 12 * HOUR_S
"""Of some day."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "latency.db"


def written(path: Path, *traces: Trace) -> TraceReports:
    with storing(path, days=0) as store:
        for trace in traces:
            store.record(trace)
    return TraceReports(TraceReader(path))


def tagged(*tags: str) -> Call:
    return msgspec.structs.replace(a_call(), origin=Origin(tags=tags))


def at(timestamp: float, **changes: Any) -> Trace:
    return msgspec.structs.replace(a_trace(), timestamp=timestamp, **changes)


def test_an_empty_file_gives_empty_lists(path: Path) -> None:
    reports = written(path)
    window = (0.0, NOON)
    assert reports.hours(*window) == reports.model_days(*window) == reports.models(*window) == []
    assert reports.tags(*window) == reports.tag_days(*window) == reports.tag_summary(NOON) == []
    assert reports.figures(NOON) == CallFigures()
    assert reports.use(NOON) == []


def test_a_missing_file_is_unavailable(path: Path) -> None:
    with pytest.raises(Unavailable, match=r"latency\.db"):
        TraceReports(TraceReader(path)).figures(NOON)


def test_hours(path: Path) -> None:
    reports = written(
        path,
        at(NOON - 1),
        at(NOON, run_s=4.0),
        at(NOON + HOUR_S - 1, run_s=2.0, tokens=Tokens(None, 7)),
        at(NOON + 1, status="failed"),
        at(NOON + HOUR_S),
    )
    assert reports.hours(NOON, NOON + HOUR_S) == [
        {
            **{"hour_bucket": NOON, "request_count": 2, "avg_latency_ms": 3000.0},
            **{"total_prompt_tokens": 11, "total_completion_tokens": 12},
        }
    ]
    assert [row["hour_bucket"] for row in reports.hours(0, NOON * 2)] == [NOON - HOUR_S, NOON, NOON + HOUR_S]


def test_models(path: Path) -> None:
    reports = written(
        path,
        at(NOON - DAY_S, model="a:latest", run_s=1.0),
        at(NOON, model="a:latest", run_s=3.0),
        at(NOON + 5, model="b:latest"),
        at(NOON - 9 * DAY_S, model="b:latest"),
    )
    window = (NOON - 7 * DAY_S, NOON + 60)
    day = NOON - 12 * HOUR_S
    daily = [
        (row["model_name"], row["day_bucket"], row["request_count"]) for row in reports.model_days(*window)
    ]
    assert daily == [("a:latest", day - DAY_S, 1), ("a:latest", day, 1), ("b:latest", day, 1)]
    first, second = reports.models(*window)
    assert first == {
        **{"model_name": "a:latest", "total_requests": 2, "avg_latency_ms": 2000.0},
        **{"min_latency_ms": 1000.0, "max_latency_ms": 3000.0},
        **{"total_prompt_tokens": 22, "total_completion_tokens": 10},
        **{"first_seen": NOON - DAY_S, "last_seen": NOON},
    }
    assert (second["model_name"], second["total_requests"]) == ("b:latest", 1)


def test_tags(path: Path) -> None:
    reports = written(
        path,
        at(NOON, call=tagged("app", "user:ann")),
        at(NOON + 1, call=tagged("app"), status="failed", tokens=Tokens(), first_byte_s=None),
        at(NOON + 2, call=tagged("app"), status="retried"),
        at(NOON + 3, call=tagged("app"), status="client_disconnected", tokens=Tokens(), first_byte_s=2.5),
        at(NOON + 4),
        at(NOON - 30 * DAY_S, call=tagged("old")),
    )
    app, ann = reports.tags(NOON - DAY_S, NOON + 60)
    assert app == {
        **{"tag": "app", "request_count": 3, "completed_count": 1, "failed_count": 1, "error_rate": 0.3333},
        **{"avg_latency_ms": 3000.0, "avg_ttft_ms": 2000.0},
        **{"total_prompt_tokens": 11, "total_completion_tokens": 5},
    }
    assert (ann["tag"], ann["request_count"], ann["error_rate"]) == ("user:ann", 1, 0.0)
    summary = {row["tag"]: row["total_requests"] for row in reports.tag_summary(NOON + 60)}
    assert summary == {"app": 3, "old": 1, "user:ann": 1}
    days = reports.tag_days(NOON - DAY_S, NOON + 60)
    assert days[0] == {
        **{"tag": "app", "day_bucket": NOON - 12 * HOUR_S, "request_count": 3},
        **{"avg_latency_ms": 3000.0, "total_tokens": 16},
    }


def test_figures_of_the_last_day_and_hour(path: Path) -> None:
    overflowed = {"context_fit": -15.0, "total": 5.0}
    reports = written(
        path,
        at(NOON - 2 * DAY_S, status="failed", error="long ago"),
        at(NOON - 2 * HOUR_S, status="failed", code=502, error="ollama on n1 answered 500"),
        at(NOON - 60, status="failed", code=502, error="ollama on n1 answered 500"),
        at(NOON - 60, status="refused", code=422, error="the engine found fault with it"),
        at(NOON - 60, status="failed", code=400, error="no engine has this field"),
        at(NOON - 60, status="rejected", code=404, node_id="", error="no node has it", first_byte_s=None),
        at(NOON - 60, status="rejected", code=503, node_id="", error="nobody has room", first_byte_s=None),
        at(NOON - 60, status="failed", code=429, error="the engine has no room"),
        at(NOON - 60, status="retried", node_id="n2", error="timed out"),
        at(NOON - 60, scores=overflowed),
        at(NOON - 2 * HOUR_S, scores=overflowed),
        at(NOON - 90, scores=overflowed, call=a_call(operation="embed")),
        at(NOON - 90, scores=overflowed, status="failed", code=400),
        at(NOON - 90, scores=overflowed, status="client_disconnected", code=499),
        at(NOON - 60, first_byte_s=3.0),
    )
    figures = reports.figures(NOON)
    assert set(figures.counts) == {
        StatusCount("n1", "failed", 3, 2),
        StatusCount("n1", "refused", 3, 3),
        StatusCount("n1", "client_disconnected", 1, 1),
        StatusCount("", "refused", 1, 1),
        StatusCount("", "rejected", 1, 1),
        StatusCount("n2", "retried", 1, 1),
        StatusCount("n1", "completed", 4, 3),
    }
    assert figures.ended == 13
    assert figures.avg_ttft_ms == pytest.approx((11 * 1500 + 3000) / 12)
    assert figures.errors[0] == ErrorCount("n1", "ollama on n1 answered 500", 2)
    assert {each.text for each in figures.errors} == {
        *("ollama on n1 answered 500", "nobody has room", "the engine has no room", "timed out")
    }
    assert figures.overflows == (Overflow("n1", "llama3.2:latest", 2, 1),)


def test_rows_from_before_there_was_a_status_code_count_by_their_status(path: Path) -> None:
    reports = written(
        path, at(NOON - 60, status="failed", code=400), at(NOON - 60, status="rejected", code=404)
    )
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE request_traces SET status_code = NULL")
    assert {each.status for each in reports.figures(NOON).counts} == {"failed", "rejected"}


def test_rows_that_others_wrote_oddly_are_passed_over(path: Path) -> None:
    """Anybody may write to the file; SQLite keeps whatever it is given."""
    reports = written(path, at(NOON - 60))
    overflow = '{"context_fit": -1}'
    odd = [
        ("m:latest", None, overflow),
        ("m:latest", "yesterday", overflow),
        (None, NOON, overflow),
        ("m:latest", NOON, "half {"),
    ]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO request_traces (node_id, status, model, timestamp, scores_breakdown)"
            " VALUES ('n1', 'completed', ?, ?, ?)",
            odd,
        )
        connection.execute("INSERT INTO request_traces DEFAULT VALUES")
        connection.executemany(
            "INSERT INTO latency_observations (node_id, model_name, latency_ms) VALUES (?, ?, ?)",
            [("n1", None, 1.0), (None, "m:latest", 1.0), ("n1", "odd", "long")],
        )
    used = reports.use(NOON)
    assert {(each.model, each.total) for each in used} == {("llama3.2:latest", 1), ("m:latest", 1)}
    assert inventory([holdings(a_node())], used, NOON)["nodes"]
    assert recommendations([holdings(a_node())], used, NOON)["usage"]["total_requests_24h"] == 2
    assert all(isinstance(each.model, str) for each in reports.figures(NOON).overflows)
    assert report(a_snapshot(calls=reports.figures(NOON)))["vitals"]
    remembered = TraceReader(path).latencies(5)
    assert remembered == [("n1", "llama3.2:latest", [2.0]), ("n1", "odd", [])]


class Listening(TraceReader):
    """Keeps what it asked, with the values in it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked: list[str] = []

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        with super().opened() as database:
            database.set_trace_callback(self.asked.append)
            yield database


def test_sums_over_a_window_read_no_more_than_the_window(path: Path) -> None:
    """Of a table as a busy fleet fills it: which way SQLite takes, not how long."""
    with storing(path, days=0) as store:
        store.record(at(NOON))
    some_weeks = ((f"m{n % 9}", f"n{n % 5}", NOON - n * 155.5) for n in range(50_000))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO request_traces (model, node_id, timestamp, status) VALUES (?, ?, ?, 'completed')",
            some_weeks,
        )
    reader = Listening(path)
    reports, window = TraceReports(reader), (NOON - 7 * DAY_S, NOON)
    reports.figures(NOON)
    reader.usage(window[0])
    for rows in (reports.hours, reports.model_days, reports.models, reports.tags, reports.tag_days):
        rows(*window)
    queries = [query for query in reader.asked if "SELECT" in query]
    assert len(queries) == 4 + 1 + 5
    with closing(sqlite3.connect(path)) as connection:
        for query in queries:
            steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
            assert any("_timestamp (timestamp>?" in step for step in steps), (query, steps)


def test_use(path: Path) -> None:
    reports = written(
        path,
        at(NOON - 3 * DAY_S),
        at(NOON - 60),
        at(NOON - 30, status="failed"),
        at(NOON - 10, status="retried"),
        at(NOON - 5, status="rejected", node_id=""),
    )
    (use,) = reports.use(NOON)
    assert (use.node_id, use.model, use.total, use.last_day, use.last_used) == (
        *("n1", "llama3.2:latest", 3, 2, NOON - 30),
    )


def test_demand_counts_what_was_asked_for_whichever_model_served(path: Path) -> None:
    asked = [a_call(model=name) for name in ("a", "a:latest", "b:7b", "a")]
    reports = written(path, *(at(NOON + n, call=call, model="other") for n, call in enumerate(asked)))
    assert reports.demand(NOON) == [("a:latest", 3), ("b:7b", 1)]
    assert reports.demand(NOON + 2) == [("a:latest", 1), ("b:7b", 1)]
    assert reports.demand(NOON + 9) == []
