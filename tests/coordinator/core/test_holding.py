"""The queue of held calls by itself: order, ageing, fair share, positions, alarms, how long to wait."""

import pytest

from coordinator.core.call import Place, Priority
from coordinator.core.holding import Holding, OpenCall
from coordinator.core.limits import Limits
from shared.names import NodeId, normalise
from tests.fakes.builders import a_call

A, B = normalise("a"), normalise("b")


def waiting(
    name: str,
    turn: int,
    model: str = "a",
    now: float = 0.0,
    *,
    client: str = "",
    priority: Priority = "interactive",
    num_ctx: int | None = None,
) -> OpenCall:
    call = a_call(name, model, client=client, priority=priority, num_ctx=num_ctx)
    result = OpenCall(call, turn, now)
    result.until = result.begins_to_wait(now) + 30.0
    return result


def holding_of(*calls: OpenCall, now: float = 0.0) -> Holding:
    holding = Holding(Limits(ageing_s=10.0))
    for call in calls:
        holding.add(call, now)
    return holding


def runs(holding: Holding, call: OpenCall) -> None:
    """It is placed."""
    call.place = Place(NodeId("n1"), "ollama", call.call.model)
    holding.placed(call)


def all_go(holding: Holding, now: float = 0.0) -> list[str]:
    """Everybody is placed, in the order of one round."""
    turns = holding.round(now)
    result = []
    while each := turns.next():
        holding.remove(each)
        runs(holding, each)
        turns.went(each)
        result.append(each.call.id)
    return [str(name) for name in result]


def order(holding: Holding, model: str = "a") -> list[str]:
    return [str(each.call.id) for each in holding.ordered_of(normalise(model))]


# Order


def test_a_line_is_in_order_of_arrival_whenever_its_calls_came_to_wait() -> None:
    calls = [waiting(f"c{turn}", turn) for turn in (3, 1, 2)]
    holding = holding_of(*calls)
    assert order(holding) == ["c1", "c2", "c3"]
    assert all_go(holding) == ["c1", "c2", "c3"]


def test_lines_of_one_model_take_turns_as_if_they_were_one() -> None:
    holding = holding_of(
        waiting("c2", 2, num_ctx=64_000), waiting("c1", 1), waiting("c3", 3), waiting("c4", 4, num_ctx=64_000)
    )
    assert order(holding) == ["c1", "c2", "c3", "c4"]
    assert all_go(holding) == ["c1", "c2", "c3", "c4"]


def test_who_is_blocked_holds_up_its_own_line_only() -> None:
    holding = holding_of(waiting("c1", 1), waiting("c2", 2, "b"), waiting("c3", 3))
    turns = holding.round(0.0)
    first = turns.next()
    assert first is not None
    turns.blocked(first)
    second = turns.next()
    assert second is not None
    assert (first.call.id, second.call.id) == ("c1", "c2")
    turns.blocked(second)
    assert turns.next() is None


def test_a_round_for_some_models_leaves_the_others_alone() -> None:
    holding = holding_of(waiting("c1", 1, "a"), waiting("c2", 2, "b"))
    first = holding.round(0.0, [B]).next()
    assert first is not None
    assert first.call.id == "c2"
    assert holding.round(0.0, [normalise("c")]).next() is None


def test_a_line_ends_with_its_last_call() -> None:
    call = waiting("c1", 1)
    holding = holding_of(call)
    assert holding.ahead(call.key)
    holding.remove(call)
    assert not holding.ahead(call.key)
    assert (len(holding), holding.counts(), holding.ordered_of(A)) == (0, {}, [])
    assert holding.round(0.0, [A]).next() is None


# Classes and ageing


def test_classes_go_before_age() -> None:
    holding = holding_of(
        waiting("c1", 1, priority="background"),
        waiting("c2", 2, priority="batch"),
        waiting("c3", 3, priority="interactive"),
        waiting("c4", 4, priority="batch"),
    )
    assert all_go(holding) == ["c3", "c2", "c4", "c1"]


def test_each_ten_seconds_lift_a_call_by_one_class() -> None:
    old = [waiting("c1", 1, priority="background"), waiting("c2", 2, priority="batch")]
    holding = holding_of(*old)
    holding.add(waiting("c3", 3, now=9.9), 9.9)
    first = holding.round(9.9).next()
    assert first is not None
    assert first.call.id == "c3"
    holding.round(10.0)
    assert order(holding) == ["c2", "c3", "c1"]
    holding.round(20.0)
    assert order(holding) == ["c1", "c2", "c3"]
    assert [each.level for each in old] == [0, 0]


def test_a_call_that_comes_back_keeps_the_class_that_it_had_reached() -> None:
    call = waiting("c1", 1, priority="background")
    holding = holding_of(call)
    holding.remove(call)
    holding.add(call, 12.0)
    assert call.level == 1
    holding.round(20.0)
    assert call.level == 0


# Fair share


def test_clients_take_turns_however_many_calls_one_of_them_has() -> None:
    flood = [waiting(f"f{turn}", turn, client="flood") for turn in range(1, 5)]
    holding = holding_of(
        *flood, waiting("x1", 8, client="x"), waiting("x2", 9, client="x"), waiting("y1", 7, client="y")
    )
    expected = ["f1", "y1", "x1", "f2", "x2", "f3", "f4"]
    assert order(holding) == expected
    assert all_go(holding) == expected


def test_who_has_fewer_calls_running_goes_first() -> None:
    running = [waiting(f"r{turn}", turn, client="flood") for turn in (1, 2)]
    holding = holding_of(waiting("f1", 3, client="flood"), waiting("x1", 4, client="x"))
    for each in running:
        runs(holding, each)
    assert order(holding) == ["x1", "f1"]
    for each in running:
        holding.ended(each, 1.0)
    assert order(holding) == ["x1", "f1"], "it was served more recently"


def test_calls_of_another_model_do_not_count() -> None:
    holding = holding_of(waiting("f1", 3, client="flood"), waiting("x1", 4, client="x"))
    runs(holding, waiting("r1", 1, "b", client="flood"))
    assert order(holding) == ["f1", "x1"]


def test_a_class_goes_before_a_fair_share() -> None:
    holding = holding_of(
        waiting("x1", 1, client="x", priority="batch"),
        waiting("f1", 2, client="f"),
        waiting("f2", 3, client="f"),
    )
    assert all_go(holding) == ["f1", "f2", "x1"]


# Time


def test_overdue_is_told_once_of_each_whose_time_has_come() -> None:
    calls = [waiting("c1", 1, now=0.0), waiting("c2", 2, now=1.0), waiting("c3", 3, now=1.0)]
    holding = holding_of(*calls)
    holding.remove(calls[2])
    assert holding.overdue(29.9) == []
    assert holding.overdue(30.0) == [calls[0]]
    assert holding.overdue(30.5) == []
    holding.prolong(calls[0], 40.0)
    assert holding.overdue(39.0) == [calls[1]]
    assert holding.overdue(40.0) == [calls[0]]


def test_a_call_that_comes_back_in_the_same_moment_is_overdue_once() -> None:
    call = waiting("c1", 1)
    holding = holding_of(call)
    holding.remove(call)
    call.until = 30.0
    holding.add(call, 0.0)
    assert holding.overdue(30.0) == [call]


def test_retry_after_is_how_long_the_calls_of_that_model_need() -> None:
    holding = holding_of(*(waiting(f"c{turn}", turn) for turn in range(6)))
    assert holding.retry_after(0.0, A) == 5
    for second in range(1, 4):
        ended = waiting("e", 99)
        runs(holding, ended)
        holding.ended(ended, float(second))
    assert holding.retry_after(10.0, A) == 20
    assert holding.retry_after(10.0, B) == 5, "nothing is known of it"
    assert holding.expected_s(0, A, 10.0) == pytest.approx(10 / 3)
    assert holding.expected_s(0, B, 10.0) is None
    for _ in range(27):
        runs(holding, ended)
        holding.ended(ended, 10.0)
    assert holding.retry_after(10.0, A) == holding.retry_after(10.0) == 2
    assert holding.retry_after(39.9, A) == 7
    assert holding.retry_after(100.0, A) == 5


def test_how_fast_calls_ended_while_nobody_waited_is_believed_until_some_that_wait_have_gone() -> None:
    """One call each ten seconds; then twenty at once, for which a place is free four times a second."""
    holding, ended = Holding(), waiting("e", 99)

    def ends(at: float) -> None:
        runs(holding, ended)
        holding.ended(ended, at)

    ends(10.0)
    ends(20.0)
    for turn in range(20):
        holding.add(waiting(f"c{turn}", turn), 30.0)
    assert holding.expected_s(0, A, 30.0) == pytest.approx(15.0), "two have left within 30 s"
    for each in (30.25, 30.5, 30.75):
        ends(each)
    assert holding.expected_s(9, A, 30.75) == 2.5
    assert holding.retry_after(30.75, A) == holding.retry_after(30.75) == 5


def test_retry_after_is_never_less_than_a_second() -> None:
    holding, ended = holding_of(), waiting("e", 99)
    runs(holding, ended)
    holding.ended(ended, 1.0)
    assert holding.retry_after(1.0, A) == holding.retry_after(1.0) == 1


def test_the_time_a_call_runs_is_not_waiting() -> None:
    call = waiting("c1", 1)
    assert call.begins_to_wait(0.0) == 0.0
    call.stops_waiting(20.0)
    assert call.begins_to_wait(100.0) == 80.0
