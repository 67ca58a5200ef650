"""The queue of held calls by itself: order, positions, how long to wait."""

from coordinator.core.holding import Holding, OpenCall
from tests.fakes.builders import a_call


def waiting(name: str, turn: int, model: str = "a", now: float = 0.0) -> OpenCall:
    return OpenCall(a_call(name, model), turn, now)


def test_a_group_is_in_order_of_arrival_whenever_its_calls_came_to_wait() -> None:
    holding = Holding()
    for turn in (3, 1, 2):
        holding.add(waiting(f"c{turn}", turn))
    ((first, second, third),) = holding.groups()
    assert [each.call.id for each in (first, second, third)] == ["c1", "c2", "c3"]
    assert [holding.position(each.call.id) for each in (third, first)] == [2, 0]
    assert holding.position(a_call("c9").id) is None


def test_the_group_with_the_oldest_call_comes_first() -> None:
    holding = Holding()
    for name, turn, model in (("c2", 2, "b"), ("c1", 1, "a"), ("c3", 3, "a")):
        holding.add(waiting(name, turn, model))
    assert [[each.call.id for each in group] for group in holding.groups()] == [["c1", "c3"], ["c2"]]
    assert holding.counts() == {"a:latest": 2, "b:latest": 1}


def test_a_group_ends_with_its_last_call() -> None:
    holding = Holding()
    call = waiting("c1", 1)
    holding.add(call)
    assert holding.waits_for(call.key)
    holding.remove(call)
    assert not holding.waits_for(call.key)
    assert (len(holding), holding.groups(), holding.counts()) == (0, [], {})


def test_overdue_are_those_that_waited_long_enough() -> None:
    holding = Holding()
    for name, turn, now in (("c1", 1, 0.0), ("c2", 2, 1.0)):
        call = waiting(name, turn, now=now)
        call.begins_to_wait(now)
        holding.add(call)
    assert [each.call.id for each in holding.overdue(30.0, 30.0)] == ["c1"]
    assert [each.call.id for each in holding.overdue(31.0, 30.0)] == ["c1", "c2"]


def test_retry_after_is_how_long_the_queue_needs() -> None:
    holding = Holding()
    assert holding.retry_after(0.0) == 5
    for turn in range(6):
        holding.add(waiting(f"c{turn}", turn))
    for second in range(1, 4):
        holding.ended(float(second))
    assert holding.retry_after(10.0) == 60
    for _ in range(27):
        holding.ended(10.0)
    assert holding.retry_after(10.0) == 6
    assert holding.retry_after(39.9) == 7
    assert holding.retry_after(100.0) == 5


def test_retry_after_is_never_less_than_a_second() -> None:
    holding = Holding()
    holding.ended(1.0)
    assert holding.retry_after(1.0) == 1


def test_the_time_a_call_runs_is_not_waiting() -> None:
    call = waiting("c1", 1)
    assert call.begins_to_wait(0.0) == 0.0
    call.stops_waiting(20.0)
    assert call.begins_to_wait(100.0) == 80.0
