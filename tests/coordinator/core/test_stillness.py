"""Calls that stand still: their engine is asked, and left only where it does not answer and another can."""

from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from shared.names import CallId, NodeId
from tests.fakes.builders import a_beat, a_call, a_desk, told, with_loaded

C1, N1 = CallId("c1"), NodeId("n1")
LIMITS = Limits(beat_late_s=1e6, lease_s=1e6, probe_engine_after_s=60.0)


def nodes(count: int, limits: Limits = LIMITS) -> Desk:
    """A call runs on n1 since 0 s; there are further nodes."""
    desk = a_desk(
        *(a_beat(f"n{number}", with_loaded(slots=4)) for number in range(1, count + 1)), limits=limits
    )
    assert told(desk.arrived(a_call(), 0.0)) == ["c1 on n1"]
    return desk


def asked(desk: Desk, now: float) -> list[str]:
    return [f"{target.engine} on {target.node_id}" for target in desk.due_engines(now)]


def answers(desk: Desk, now: float, *, alive: bool) -> list[str]:
    target = desk.fleet.nodes[N1].target("ollama")
    return told(desk.engine_told(target, now, alive=alive))


def test_an_engine_is_asked_once_a_call_stands_still() -> None:
    desk = nodes(1)
    assert asked(desk, 59.9) == []
    assert asked(desk, 60.0) == ["ollama on n1"]
    assert asked(desk, 60.25) == []
    assert asked(desk, 120.0) == ["ollama on n1"]


def test_a_call_that_moves_is_no_reason_to_ask() -> None:
    desk = nodes(1)
    desk.progressed(C1, 50.0)
    assert asked(desk, 60.0) == []
    desk.progressed(C1, 70.0, awaits_caller=True)
    assert asked(desk, 200.0) == [], "it is its caller who does not read"


def test_it_can_be_switched_off() -> None:
    assert asked(nodes(1, Limits(probe_engine_after_s=0.0)), 1e3) == []


def test_an_engine_that_answers_is_left_to_work() -> None:
    desk = nodes(2)
    for now in (60.0, 120.0, 180.0):
        assert asked(desk, now) == ["ollama on n1"]
        assert answers(desk, now, alive=True) == []
    assert [call.place is not None and call.place.node_id for call in desk.open_calls()] == ["n1"]


def test_one_that_is_silent_twice_in_a_row_loses_its_call() -> None:
    desk = nodes(2)
    asked(desk, 60.0)
    assert answers(desk, 64.0, alive=False) == []
    assert asked(desk, 65.0) == ["ollama on n1"]
    assert answers(desk, 69.0, alive=False) == ["c1 moved", "c1 on n2"]


def test_an_answer_between_them_begins_anew() -> None:
    desk = nodes(2)
    asked(desk, 60.0)
    answers(desk, 64.0, alive=False)
    answers(desk, 66.0, alive=True)
    assert answers(desk, 70.0, alive=False) == []


def test_where_nobody_else_can_serve_it_the_call_stays() -> None:
    desk = nodes(1)
    asked(desk, 60.0)
    answers(desk, 64.0, alive=False)
    assert answers(desk, 69.0, alive=False) == []
    assert len(desk.open_calls()) == 1


def test_a_call_whose_first_byte_was_seen_stays() -> None:
    desk = nodes(2)
    desk.first_byte(C1, 0.0)
    asked(desk, 60.0)
    answers(desk, 64.0, alive=False)
    assert answers(desk, 69.0, alive=False) == []


def test_calls_at_other_engines_are_not_touched() -> None:
    desk = nodes(3)
    assert told(desk.arrived(a_call("c2"), 0.0)) == ["c2 on n2"]
    asked(desk, 60.0)
    answers(desk, 64.0, alive=False)
    assert answers(desk, 69.0, alive=False) == ["c1 moved", "c1 on n3"]
