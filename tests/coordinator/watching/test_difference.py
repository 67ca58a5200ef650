"""A change carries one picture into the next, and no more than that."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from coordinator.watching.difference import EVENTS_KEPT, applied, difference, newest

FULL = st.fixed_dictionaries({"a": st.none() | st.integers(0, 3), "b": st.integers(0, 3)})
ROWS = st.dictionaries(st.sampled_from(["n1", "n2", "n3"]), FULL)
PICTURES = st.fixed_dictionaries(
    {"nodes": ROWS, "models": ROWS, "requests": ROWS, "fleet": FULL, "timestamp": st.integers(0, 9)}
)


def with_events(picture: dict[str, Any], count: int) -> dict[str, Any]:
    """The newest of `count` events, every third of a node."""
    return picture | {"events": newest([an_event(n) for n in range(1, count + 1)])}


def an_event(number: int) -> dict[str, Any]:
    """By its number."""
    return {"seq": number, "kind": "leave" if number % 3 == 0 else "error"}


@given(PICTURES, PICTURES, st.integers(0, 700), st.integers(0, 700))
def test_a_change_makes_the_next_picture(
    before: dict[str, Any], after: dict[str, Any], earlier: int, more: int
) -> None:
    first, second = with_events(before, earlier), with_events(after, earlier + more)
    assert applied(first, difference(first, second)) == second


def test_a_flood_of_failed_calls_washes_no_node_away() -> None:
    lost = {"seq": 1, "kind": "leave"}
    flood = [{"seq": n, "kind": "error"} for n in range(2, 300)]
    kept = applied(
        {"nodes": {}, "models": {}, "requests": {}, "fleet": {}, "events": [lost]}, {"events": flood}
    )["events"]
    assert (kept[0], len(kept), kept[-1]) == (lost, EVENTS_KEPT + 1, flood[-1])


@given(PICTURES)
def test_nothing_changed_is_an_empty_change(picture: dict[str, Any]) -> None:
    assert difference(with_events(picture, 3), with_events(picture, 3)) == {}


def test_only_the_changed_field_of_a_row_is_told() -> None:
    before = {
        "nodes": {"n1": {"a": 1, "b": 2}, "n2": {"a": 1, "b": 2}, "n3": {"a": 0, "b": 0}},
        **{"models": {}, "requests": {}, "fleet": {"x": 1}, "events": [], "timestamp": 1},
    }
    after = before | {"nodes": {"n1": {"a": 1, "b": 3}, "n2": {"a": 1, "b": 2}}}
    assert difference(before, after) == {"nodes": {"set": {"n1": {"b": 3}}, "gone": ["n3"]}}


def test_the_old_picture_stays_as_it_is() -> None:
    before = {"nodes": {"n1": {"a": 1}}, "models": {}, "requests": {}, "fleet": {}, "events": []}
    applied(before, {"nodes": {"set": {"n1": {"a": 2}}, "gone": []}, "fleet": {"x": 1}})
    assert before["nodes"] == {"n1": {"a": 1}}
    assert before["fleet"] == {}
