"""How often a failed call is tried again, where, and which places are left alone meanwhile."""

import pytest

from coordinator.core.call import Held, Placed, Refused
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from shared.errors import (
    Draining,
    EngineBusy,
    EngineCrashed,
    EngineFault,
    EngineLacks,
    FleetError,
    GatewayBroke,
    GatewayUnreachable,
    ModelGone,
    NodeFailure,
    StreamBroken,
    Stuck,
)
from shared.names import CallId, NodeId
from tests.fakes.builders import MODEL, a_beat, a_call, a_desk, an_address, an_engine, join, told, with_loaded

C1, N1 = CallId("c1"), NodeId("n1")
BROKEN = NodeFailure("the engine answered 500")
LACKS = EngineLacks("suffix: this engine cannot insert")
GONE = ModelGone('model "llama3.2" not found')
PATIENT = Limits(beat_late_s=1e6, lease_s=1e6)


def nodes(count: int, *models: str, slots: int = 64, limits: Limits = PATIENT) -> Desk:
    """n1, n2, ... all alike; the first call goes to n1."""
    beats = [a_beat(f"n{number}", with_loaded(*models, slots=slots)) for number in range(1, count + 1)]
    return a_desk(*beats, limits=limits)


def placed_on(desk: Desk, now: float, call_id: str = "c1", **asked: object) -> str:
    """A call arrives and is placed at once: where."""
    (decision,) = desk.arrived(a_call(call_id, **asked), now)  # type: ignore[arg-type]
    assert isinstance(decision, Placed)
    return decision.placement.place.node_id


# Poison


@pytest.mark.parametrize("error", [EngineCrashed("x"), StreamBroken("x"), GatewayBroke("x")], ids=repr)
def test_a_call_that_broke_two_engines_is_not_given_to_a_third(error: FleetError) -> None:
    desk = nodes(4)
    seen = told(desk.arrived(a_call(), 1.0)) + told(desk.failed(C1, error, 2.0))
    assert seen == ["c1 on n1", "c1 on n2"]
    (refused,) = desk.failed(C1, error, 3.0)
    assert isinstance(refused, Refused)
    assert (refused.error.status, refused.error.code) == (502, "crashes_engines")
    assert str(refused.error) == (
        "ollama on n1 and ollama on n2 broke while they worked on this call: it is not tried on a third"
    )


@pytest.mark.parametrize(
    "error",
    [BROKEN, EngineBusy("x"), GatewayUnreachable("connection refused"), Stuck("x")],
    ids=repr,
)
def test_what_did_not_touch_the_engine_or_was_its_answer_is_no_crash(error: FleetError) -> None:
    desk = nodes(4)
    desk.arrived(a_call(), 1.0)
    desk.failed(C1, StreamBroken("x"), 2.0)
    desk.failed(C1, error, 3.0)
    (refused,) = desk.failed(C1, error, 3.0)
    assert refused == Refused(C1, error)  # the third node was asked too; two retries are the limit


def test_the_last_retry_names_the_failure_itself() -> None:
    """With one retry allowed the limit is not two crashes but one retry."""
    desk = nodes(4, limits=Limits(retries=1))
    desk.arrived(a_call(), 1.0)
    desk.failed(C1, StreamBroken("x"), 2.0)
    last = StreamBroken("y")
    assert desk.failed(C1, last, 3.0) == [Refused(C1, last)]


# The budget


def test_over_the_budget_the_error_stands() -> None:
    desk = nodes(3, limits=Limits(retry_floor=2, retry_share=0.0))
    for number in range(3):
        placed_on(desk, 1.0, f"c{number}")
    outcomes = [told(desk.failed(CallId(f"c{number}"), BROKEN, 2.0))[0] for number in range(3)]
    assert [" on " in outcome for outcome in outcomes] == [True, True, False]
    assert outcomes[2] == "c2 refused 502"


def test_what_cost_no_engine_anything_is_not_counted() -> None:
    desk = nodes(3, limits=Limits(retry_floor=0, retry_share=0.0))
    assert placed_on(desk, 1.0) == "n1"
    assert told(desk.failed(C1, LACKS, 2.0)) == ["c1 on n2"]
    assert told(desk.failed(C1, Draining("n2 is draining", retry_after=1), 2.0)) == ["c1 on n3"]


def test_a_full_engine_counts() -> None:
    desk = nodes(2, limits=Limits(retry_floor=0, retry_share=0.0))
    placed_on(desk, 1.0)
    assert told(desk.failed(C1, EngineBusy("full"), 2.0)) == ["c1 refused 503"]


def test_where_there_is_nobody_else_nothing_is_spent() -> None:
    desk = nodes(1, limits=Limits(retry_floor=1, retry_share=0.0))
    for number in range(3):
        placed_on(desk, 1.0, f"c{number}")
        desk.failed(CallId(f"c{number}"), BROKEN, 1.0)
    join(desk, a_beat("n2", with_loaded()), 2.0)
    desk.cordoned(NodeId("n2"), 2.0, on=True)
    assert placed_on(desk, 2.0, "last") == "n1"
    desk.cordoned(NodeId("n2"), 2.0, on=False)
    assert told(desk.failed(CallId("last"), BROKEN, 2.0)) == ["last on n2"]


# The caller's fault, and a model that is gone


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_what_the_engine_finds_wrong_is_wrong_everywhere(status: int) -> None:
    desk = nodes(2)
    placed_on(desk, 1.0)
    fault = EngineFault("no", status=status)
    assert desk.failed(C1, fault, 2.0) == [Refused(C1, fault)]


def test_a_model_that_is_gone_is_asked_of_another_node() -> None:
    desk = nodes(2)
    placed_on(desk, 1.0)
    assert told(desk.failed(C1, GONE, 2.0)) == ["c1 on n2"]
    assert desk.failed(C1, GONE, 3.0) == [Refused(C1, GONE)]
    assert GONE.status == 404


def test_a_fallback_may_be_where_the_model_is_gone() -> None:
    desk = nodes(1, MODEL, "b:latest")
    placed_on(desk, 1.0, fallbacks=["b"])
    (decision,) = desk.failed(C1, GONE, 2.0)
    assert isinstance(decision, Placed)
    assert (decision.placement.place.node_id, decision.placement.place.model) == ("n1", "b:latest")


def test_fallbacks_come_in_the_callers_order_after_a_failure() -> None:
    desk = a_desk(
        a_beat("n1", with_loaded(MODEL)),
        a_beat("n2", with_loaded("c:latest")),
        a_beat("n3", with_loaded("b:latest", "c:latest")),
    )
    assert placed_on(desk, 1.0, fallbacks=["b", "c"]) == "n1"
    for expected in [("n3", "b:latest"), ("n2", "c:latest")]:
        (decision,) = desk.failed(C1, BROKEN, 2.0)
        assert isinstance(decision, Placed)
        assert decision.placement.fallback
        assert (decision.placement.place.node_id, decision.placement.place.model) == expected
    assert desk.failed(C1, BROKEN, 3.0) == [Refused(C1, BROKEN)]


# What one engine lacks


def test_another_engine_of_the_same_node_may_serve_what_one_lacks() -> None:
    ollama, llamacpp = with_loaded(), an_engine(*with_loaded().models, name="llamacpp")
    desk = a_desk(a_beat("n1", ollama, llamacpp))
    desk.arrived(a_call(), 1.0)
    (decision,) = desk.failed(C1, LACKS, 2.0)
    assert isinstance(decision, Placed)
    assert decision.placement.place.engine == "llamacpp"
    assert told(desk.failed(C1, LACKS, 3.0)) == ["c1 refused 400"]


@pytest.mark.parametrize("error", [LACKS, GONE], ids=repr)
def test_it_waits_for_one_that_only_cannot_be_asked_now(error: FleetError) -> None:
    desk = nodes(1)
    join(desk, a_beat("n2", with_loaded(), draining=True))
    desk.arrived(a_call(), 1.0)
    (held,) = desk.failed(C1, error, 2.0)
    assert isinstance(held, Held)
    assert told(desk.heard(a_beat("n2", with_loaded(), seq=2), an_address("n2"), 3.0)) == ["c1 on n2"]


def test_it_does_not_wait_for_what_never_can() -> None:
    desk = nodes(1)
    big = an_engine(*(each for each in with_loaded().models), name="ollama")
    join(desk, a_beat("n2", big, memory_gib=0.001))
    desk.arrived(a_call(), 1.0)
    assert desk.failed(C1, LACKS, 2.0) == [Refused(C1, LACKS)]


# Circuits


def break_n1(desk: Desk, now: float) -> None:
    """Five calls fail on n1 in a row, while n2 is cordoned; nobody may try them elsewhere."""
    other = desk.fleet.nodes.get(NodeId("n2"))
    for number in range(5):
        if other:
            desk.cordoned(other.node_id, now, on=True)
        name = f"broken-{now}-{number}"
        assert placed_on(desk, now, name) == "n1"
        desk.failed(CallId(name), BROKEN, now)
    if other:
        desk.cordoned(other.node_id, now, on=False)


def test_an_open_circuit_keeps_calls_away_though_the_other_node_is_full() -> None:
    desk = nodes(2, slots=1)
    break_n1(desk, 1.0)
    assert placed_on(desk, 2.0, "c1") == "n2"
    assert told(desk.arrived(a_call("c2"), 2.0)) == ["c2 held"]
    assert told(desk.expired(30.9)) == []
    assert told(desk.expired(31.0)) == ["c2 on n1"]


def test_a_half_open_circuit_gets_one_call_and_then_all() -> None:
    desk = nodes(2, slots=2)
    break_n1(desk, 1.0)
    for name in ("c1", "c2"):
        assert placed_on(desk, 2.0, name) == "n2"
    assert placed_on(desk, 31.0, "probe") == "n1"
    assert told(desk.arrived(a_call("c3"), 31.0)) == ["c3 held"]
    assert told(desk.finished(CallId("probe"), 32.0)) == ["c3 on n1"]
    assert placed_on(desk, 32.0, "c4") == "n1"


def test_the_last_node_is_never_left_alone() -> None:
    desk = nodes(1)
    break_n1(desk, 1.0)
    assert desk.fleet.circuits.not_closed(N1)
    assert placed_on(desk, 2.0) == "n1"
    desk.finished(C1, 3.0)
    assert not desk.fleet.circuits.not_closed(N1), "it works again"


def test_where_all_others_refuse_an_open_circuit_is_better_than_nothing() -> None:
    desk = nodes(2)
    break_n1(desk, 1.0)
    desk.cordoned(NodeId("n2"), 2.0, on=True)
    assert placed_on(desk, 2.0) == "n1"


def test_full_engines_missing_models_and_drains_open_none() -> None:
    desk = nodes(1)
    for number, error in enumerate([EngineBusy("x"), GONE, Draining("x"), LACKS] * 5):
        placed_on(desk, 1.0, f"c{number}")
        desk.failed(CallId(f"c{number}"), error, 1.0)
    assert not desk.fleet.circuits.not_closed(N1)


def test_an_explanation_tells_of_the_circuit() -> None:
    desk = nodes(2)
    break_n1(desk, 1.0)
    told_of = {each.node_id: each for each in desk.explain(a_call("x"), 2.0).candidates}
    assert told_of["n2"].eligible
    assert not told_of["n1"].eligible
    assert told_of["n1"].refusal == (
        "its circuit at ollama on n1 is open for 29 s more, after 5 failures in a row"
    )


def test_an_agent_that_was_started_anew_is_judged_anew() -> None:
    desk = nodes(2)
    break_n1(desk, 1.0)
    join(desk, a_beat("n1", with_loaded(slots=64), epoch=2), 2.0)
    assert not desk.fleet.circuits.not_closed(N1)
