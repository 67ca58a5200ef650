"""When things are due, and that what is no longer due is not kept."""

import gc
import math

from hypothesis import given
from hypothesis import strategies as st

from coordinator.core.alarms import SLACK, Alarms
from coordinator.core.open_call import OpenCall
from tests.coordinator.core.test_holding import holding_of, waiting


def test_the_last_time_that_was_set_holds() -> None:
    alarms: Alarms[str] = Alarms()
    alarms.set(5.0, "a")
    alarms.set(2.0, "b")
    alarms.set(3.0, "a")
    assert (alarms.next_at(), alarms.due(1.9)) == (2.0, [])
    assert alarms.due(4.0) == ["b", "a"]
    assert alarms.due(9.0) == []
    alarms.set(10.0, "c")
    alarms.set(math.inf, "c")
    assert alarms.due(1e9) == []


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20), st.sampled_from(["set", "drop", "due"])))
)
def test_it_tells_what_a_plain_table_tells(steps: list[tuple[str, int, str]]) -> None:
    alarms: Alarms[str] = Alarms()
    table: dict[str, float] = {}
    for key, at, step in steps:
        if step == "set":
            alarms.set(float(at), key)
            table[key] = float(at)
        elif step == "drop":
            alarms.drop(key)
            table.pop(key, None)
        else:
            assert alarms.next_at() <= min(table.values(), default=math.inf)
            due = sorted(key for key, when in table.items() if when <= at)
            assert sorted(alarms.due(float(at))) == due
            for each in due:
                del table[each]


def test_a_thousand_moves_of_one_time_are_not_kept() -> None:
    alarms: Alarms[str] = Alarms()
    for at in range(1_000):
        alarms.set(float(at), "a")
    assert len(alarms) <= 2 + SLACK


def test_calls_that_no_longer_wait_are_not_kept_until_their_time() -> None:
    holding = holding_of()
    gc.collect()
    before = sum(isinstance(each, OpenCall) for each in gc.get_objects())
    for number in range(1_000):
        call = waiting(f"c{number}", number)
        holding.add(call, 0.0)
        holding.remove(call)
    kept = sum(isinstance(each, OpenCall) for each in gc.get_objects())
    assert kept <= before + SLACK + 2
