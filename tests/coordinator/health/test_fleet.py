"""Checks of calls and of the fleet as a whole, the score and the vitals, with plain values."""

from typing import Any

import msgspec
import pytest

from coordinator.core.node import Standing
from coordinator.health.finding import fewest_samples, score
from coordinator.health.report import findings_of, report
from coordinator.health.snapshot import ErrorCount, Overflow, Storage
from shared.finding import worst_first
from tests.fakes.builders import a_model, an_engine
from tests.fakes.seen import a_node, a_snapshot, calls, found, the


def with_calls(*rows: tuple[str, str, int, int], **changes: Any) -> dict[str, str]:
    return found(a_snapshot(calls=calls(*rows), **changes))


def test_keys_that_do_not_count_are_told_with_what_mends_them() -> None:
    snapshot = a_snapshot(keys_unusable="/d/keys.json makes no sense", keys_command="mv /d/keys.json /d/x")
    finding = the(snapshot, "keys_unusable")
    assert (finding.severity, finding.command) == ("critical", "mv /d/keys.json /d/x")
    assert finding.description.startswith("/d/keys.json makes no sense. ")
    assert "keys_unusable" not in found(a_snapshot())


def test_samples_for_a_rate() -> None:
    assert fewest_samples(0.05) == 21
    assert fewest_samples(0.3, 2) == 7


def test_one_event_never_crosses_a_rate() -> None:
    for completed in range(200):
        for status in ("failed", "incomplete", "rejected", "client_disconnected"):
            assert with_calls(("n1", "completed", completed, completed), ("n1", status, 1, 1)) == {}
        retried = with_calls(("n1", "retried", 2, 2), ("n2", "completed", completed, 1), retries_limit=2)
        assert "high_retry_rate" not in retried


def test_error_rate_of_a_node_counts_attempts_that_failed_there() -> None:
    rows = (("n1", "completed", 15, 5), ("n1", "retried", 6, 1), ("n2", "completed", 100, 100))
    snapshot = a_snapshot(
        calls=calls(
            *rows, errors=(ErrorCount("n2", "other", 9), ErrorCount("n1", "ollama on n1 answered 500", 6))
        )
    )
    finding = the(snapshot, "high_error_rate")
    assert (finding.node_id, finding.severity) == ("n1", "critical")
    assert (finding.data["failed"], finding.data["total"], finding.data["error_rate_pct"]) == (6, 21, 28.6)
    assert "ollama on n1 answered 500" in finding.description


@pytest.mark.parametrize(
    ("failed", "expected"), [(5, None), (6, "warning"), (25, "warning"), (30, "critical")]
)
def test_error_rate_thresholds(failed: int, expected: str | None) -> None:
    rows = (("n1", "completed", 100 - failed, 1), ("n1", "failed", failed, 1))
    assert with_calls(*rows).get("high_error_rate") == expected


def test_a_callers_own_mistakes_are_no_failures() -> None:
    mistaken = a_snapshot(
        calls=calls(("n1", "completed", 10, 1), ("n1", "refused", 30, 30), ("", "refused", 30, 30))
    )
    assert found(mistaken) == {}
    assert report(mistaken)["vitals"]["overall_error_rate_pct"] == 0.0


def test_want_of_a_place_is_a_failure_of_the_fleet_and_in_no_engines_log() -> None:
    snapshot = a_snapshot(calls=calls(("n1", "completed", 30, 1), ("", "rejected", 5, 5)))
    finding = the(snapshot, "high_error_rate")
    assert (finding.node_id, finding.data["total"]) == (None, 35)
    assert "log" not in finding.fix
    assert report(snapshot)["vitals"]["overall_error_rate_pct"] == 14.3
    of_node = the(a_snapshot(calls=calls(("n1", "failed", 30, 30))), "high_error_rate")
    assert "engine's own log" in of_node.fix


def test_what_has_not_happened_for_an_hour_is_information() -> None:
    old = with_calls(
        ("n1", "completed", 10, 5),
        ("n1", "retried", 9, 0),
        ("n1", "incomplete", 9, 0),
        ("n1", "client_disconnected", 9, 0),
    )
    assert old == {
        "high_error_rate": "info",
        "high_retry_rate": "info",
        "client_disconnects": "info",
        "incomplete_streams": "info",
    }


def test_counts() -> None:
    many = ("n1", "completed", 1000, 1)
    assert with_calls(many, ("n1", "client_disconnected", 2, 2), ("n1", "incomplete", 1, 1)) == {}
    some = with_calls(many, ("n1", "client_disconnected", 3, 3), ("n1", "incomplete", 2, 2))
    assert some == {"client_disconnects": "info", "incomplete_streams": "warning"}
    most = with_calls(("n1", "completed", 80, 1), ("n1", "client_disconnected", 20, 3))
    assert most == {"client_disconnects": "warning"}


def test_context_overflow() -> None:
    few = calls(overflows=(Overflow("n1", "m", 2, 1),))
    assert found(a_snapshot(calls=few)) == {}
    enough = calls(overflows=(Overflow("n1", "m", 2, 1), Overflow("n2", "m", 1, 0)))
    assert found(a_snapshot(calls=enough)) == {"context_overflow": "warning"}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("ollama", ["OLLAMA_CONTEXT_LENGTH", "num_ctx"]),
        ("llama.cpp", ["FLEET_NODE_EMBEDDED_CONTEXT"]),
        ("", ["OLLAMA_CONTEXT_LENGTH", "num_ctx", "FLEET_NODE_EMBEDDED_CONTEXT"]),
    ],
)
def test_a_longer_context_is_set_where_the_engine_takes_it(kind: str, said: list[str]) -> None:
    engine = msgspec.structs.replace(an_engine(a_model("m"), a_model("x")), kind=kind or "ollama")
    name = "m:latest" if kind else "gone:latest"
    snapshot = a_snapshot(a_node(engine), calls=calls(overflows=(Overflow("n1", name, 3, 1),)))
    fix = the(snapshot, "context_overflow").fix
    words = ("OLLAMA_CONTEXT_LENGTH", "num_ctx", "FLEET_NODE_EMBEDDED_CONTEXT")
    assert [word for word in words if word in fix] == said


def test_nobody_there_and_nothing_to_serve() -> None:
    empty = msgspec.structs.replace(a_snapshot(), nodes=())
    assert found(empty) == {"no_nodes": "critical"}
    assert the(empty, "no_nodes").fix == (
        "On each machine: herd-node (if it finds nobody: herd-node --router-url http://workstation:11435)"
    )
    bare = a_node(an_engine())
    assert "OLLAMA_HOST=http://workstation:11435 " in the(a_snapshot(bare), "no_models").fix
    assert found(a_snapshot(bare)) == {"no_models": "critical", "underutilized_memory": "info"}
    gone = a_node(an_engine(), standing=Standing("offline", "lost", "silent"))
    assert found(a_snapshot(gone)) == {"node_offline": "critical"}


@pytest.mark.parametrize(
    ("held", "running", "expected"), [(0, 9, None), (3, 9, "info"), (10, 9, "warning"), (50, 60, "critical")]
)
def test_queue(held: int, running: int, expected: str | None) -> None:
    snapshot = a_snapshot(held=held, running=running, held_limit=100)
    assert found(snapshot).get("queue_pressure") == expected


@pytest.mark.parametrize(
    ("storage", "expected"),
    [
        (Storage(queued=5), {}),
        (Storage(error="disk is full"), {"trace_store_write_failures": "warning"}),
        (Storage(error="disk is full", dropped=50), {"trace_store_write_failures": "critical"}),
        (Storage(dropped=50), {"trace_store_write_failures": "info"}),
    ],
)
def test_storage(storage: Storage, expected: dict[str, str]) -> None:
    assert found(a_snapshot(storage=storage)) == expected


def test_figures_that_cannot_be_read_are_null_and_told() -> None:
    told = report(a_snapshot(calls=None, calls_error="latency.db cannot be read: malformed"))
    assert [finding.check_id for finding in told["recommendations"]] == ["trace_store_unreadable"]
    assert "malformed" in told["recommendations"][0].description
    assert told["vitals"]["total_requests_24h"] is None
    assert told["vitals"]["overall_error_rate_pct"] is None
    assert told["vitals"]["nodes_online"] == 1


def test_score_is_what_the_findings_take_off() -> None:
    snapshot = a_snapshot(
        a_node(standing=Standing("offline", "lost", "silent")), a_node(node_id="n2", agent_version="1")
    )
    findings = list(findings_of(snapshot))
    assert [each.severity for each in findings] == ["critical", "warning"]
    assert score(findings) == 70
    assert score([]) == 100
    assert score(findings * 10) == 0
    assert [each.severity for each in worst_first(reversed(findings))] == ["critical", "warning"]
    assert report(snapshot)["vitals"]["health_score"] == 70


def test_report_has_the_shape_that_scripts_know() -> None:
    rows = (
        ("n1", "completed", 6, 1),
        ("n1", "failed", 1, 0),
        ("n1", "refused", 1, 0),
        ("", "rejected", 1, 1),
        ("n1", "incomplete", 1, 1),
        ("n2", "retried", 4, 1),
        ("n1", "client_disconnected", 2, 1),
    )
    nodes = (
        a_node(),
        a_node(node_id="n2", standing=Standing("degraded", "late", "x")),
        a_node(node_id="n3", standing=Standing("offline", "left", "x")),
    )
    snapshot = a_snapshot(*nodes, calls=calls(*rows, avg_ttft_ms=12.345), retries_limit=2)
    told = msgspec.json.decode(msgspec.json.encode(report(snapshot)))
    assert set(told) == {"vitals", "recommendations", "checked_at"}
    assert told["vitals"] == {
        **{"nodes_total": 3, "nodes_online": 1, "nodes_degraded": 1, "nodes_offline": 1},
        **{"total_requests_24h": 12, "overall_error_rate_pct": 25.0, "avg_ttft_ms": 12.3},
        **{"total_retries_24h": 4, "client_disconnects_24h": 2, "incomplete_streams_24h": 1},
        **{"cold_loads_24h": 0, "image_generations_24h": 0, "transcriptions_24h": 0, "health_score": 77},
    }
    keys = {"check_id", "severity", "title", "description", "fix", "command", "node_id", "data"}
    assert all(set(each) == keys for each in told["recommendations"])
    assert told["checked_at"] == 1000.0
