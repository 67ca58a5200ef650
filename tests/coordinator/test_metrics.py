"""The text that Prometheus reads, from traces and a Desk, read back by a strict parser."""

import msgspec

from coordinator.core.call import Origin, Tokens
from coordinator.core.limits import Limits
from coordinator.journal import Trace
from coordinator.metrics import MODELS_NAMED, Metrics
from shared.errors import NodeFailure
from shared.names import CallId
from tests.fakes.builders import MODEL, a_beat, a_call, a_desk, with_loaded
from tests.fakes.exposition import Family, families
from tests.fakes.traces import a_trace

ROUTE = "/api/chat"
CALL = msgspec.structs.replace(a_call(), origin=Origin(ROUTE, "192.0.2.7", ("user:someone",)))


def told(*traces: Trace, nodes: tuple[str, ...] = ("n1",)) -> dict[str, Family]:
    desk = a_desk(*(a_beat(node, with_loaded()) for node in nodes))
    metrics = Metrics(desk, Limits(), lambda: 4.5)
    for each in traces:
        metrics.record(each)
    return families(metrics.text(traces_dropped=7))


def test_every_name_is_there_before_the_first_call() -> None:
    assert set(told()) == {
        "herd_requests_total",
        "herd_request_duration_seconds",
        "herd_time_to_first_token_seconds",
        "herd_requests_waiting",
        "herd_requests_running",
        "herd_prompt_tokens_total",
        "herd_generation_tokens_total",
        "herd_retries_total",
        "herd_retry_budget_remaining_ratio",
        "herd_circuit_state",
        "herd_nodes",
        "herd_node_heartbeat_age_seconds",
        "herd_build_info",
        "herd_traces_dropped_total",
    }


def test_calls_tokens_and_times_are_counted() -> None:
    found = told(
        a_trace(CALL),
        a_trace(CALL, tokens=Tokens(1, None)),
        a_trace(CALL, status="failed", code=502),
        a_trace(CALL, status="retried", reason="upstream_error"),
    )
    requests = found["herd_requests_total"]
    assert requests.value("herd_requests_total", route=ROUTE, model=MODEL, code="200") == 2
    assert requests.value("herd_requests_total", route=ROUTE, model=MODEL, code="502") == 1
    assert found["herd_prompt_tokens_total"].value("herd_prompt_tokens_total", model=MODEL) == 23
    assert found["herd_generation_tokens_total"].value("herd_generation_tokens_total", model=MODEL) == 10
    assert found["herd_retries_total"].value("herd_retries_total", reason="upstream_error") == 1
    duration = found["herd_request_duration_seconds"]
    assert duration.value("herd_request_duration_seconds_sum", route=ROUTE) == 9
    assert duration.value("herd_request_duration_seconds_bucket", route=ROUTE, le="2.5") == 0
    assert duration.value("herd_request_duration_seconds_bucket", route=ROUTE, le="5") == 3
    first = found["herd_time_to_first_token_seconds"]
    assert first.value("herd_time_to_first_token_seconds_count", route=ROUTE) == 3


def test_gauges_tell_of_now() -> None:
    found = told(nodes=("n1", "n2"))
    assert found["herd_nodes"].value("herd_nodes", state="ready") == 2
    age = found["herd_node_heartbeat_age_seconds"]
    assert age.value("herd_node_heartbeat_age_seconds", node="n2") == 4.5
    assert found["herd_requests_running"].value("herd_requests_running") == 0
    assert found["herd_traces_dropped_total"].value("herd_traces_dropped_total") == 7


def test_gauges_tell_of_retries_and_circuits() -> None:
    desk = a_desk(a_beat("n1", with_loaded(slots=9)), a_beat("n2"), limits=Limits(circuit_failures=3))
    for name in (CallId("c1"), CallId("c2"), CallId("c3")):
        desk.arrived(a_call(name), 1.0)
        desk.failed(name, NodeFailure("x"), 1.0)
    desk.budget.spend(1.0)
    found = families(Metrics(desk, Limits(), lambda: 4.5).text(traces_dropped=0))
    left = found["herd_retry_budget_remaining_ratio"].value("herd_retry_budget_remaining_ratio")
    assert left == 1 - 1 / 30
    circuits = found["herd_circuit_state"]
    assert [circuits.value("herd_circuit_state", node=node) for node in ("n1", "n2")] == [2, 0]


def test_models_are_bounded_and_names_that_no_node_has_are_none() -> None:
    unknown = [a_trace(CALL, status="rejected", node_id="", model=f"bogus-{n}", code=404) for n in range(200)]
    served = [a_trace(CALL, model=f"model-{n}") for n in range(MODELS_NAMED + 30)]
    samples = told(*unknown, *served)["herd_requests_total"].samples
    models = {dict(labels)["model"] for _, labels in samples}
    assert len(models) == MODELS_NAMED + 1
    assert not [model for model in models if model.startswith("bogus")]
    assert (
        told(*unknown, *served)["herd_requests_total"].value(
            "herd_requests_total", route=ROUTE, model="other", code="200"
        )
        == 30
    )


def test_strange_names_are_escaped_and_no_user_or_id_is_told() -> None:
    strange = 'a"b\\c\nd}'
    found = told(a_trace(CALL, model=strange))
    value = found["herd_requests_total"].value("herd_requests_total", route=ROUTE, model=strange, code="200")
    assert value == 1
    everything = repr([family.samples for family in found.values()])
    assert "someone" not in everything
    assert "192.0.2.7" not in everything
    assert f"'{CALL.id}'" not in everything
