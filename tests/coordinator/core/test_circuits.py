"""Circuits of places: what opens one, for how long, and who may look whether it is over."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.core.call import Place
from coordinator.core.circuits import LONGEST_OPEN_S, PROBE_S, Circuits
from coordinator.core.limits import Limits
from shared.names import CallId, NodeId, normalise

PLACE = Place(NodeId("n1"), "ollama", normalise("m"))
PROBE = CallId("probe")
OTHER = Place(NodeId("n1"), "ollama", normalise("other"))


def failing(count: int, now: float = 0.0, *, limits: Limits | None = None) -> Circuits:
    """So many calls have failed at PLACE, all at `now`."""
    circuits = Circuits(limits or Limits())
    for _ in range(count):
        circuits.failed(PLACE, now, now)
    return circuits


def test_five_failures_in_a_row_open_it_for_30_s() -> None:
    assert failing(4).state(PLACE, 0.0) == "closed"
    circuits = failing(5)
    assert [circuits.state(PLACE, now) for now in (0.0, 29.9, 30.0)] == ["open", "open", "half-open"]
    assert circuits.until(PLACE) == 30.0
    assert circuits.bars(PLACE, 29.9)
    assert not circuits.bars(PLACE, 30.0)
    assert "open for 30 s more, after 5 failures in a row" in circuits.reason(PLACE, 0.0)
    assert circuits.state(OTHER, 0.0) == "closed"
    assert circuits.until(OTHER) == -math.inf


def test_one_success_between_them_begins_the_row_anew() -> None:
    circuits = failing(4)
    circuits.succeeded(PLACE, 0.0, 1.0)
    for _ in range(4):
        circuits.failed(PLACE, 1.0, 1.0)
    assert circuits.state(PLACE, 1.0) == "closed"


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ("gb" * 5, "closed"),  # half is not more than half
        ("gb" * 4 + "b", "closed"),  # nine calls say nothing
        ("gbb" * 3 + "b", "open"),
        ("bgbgbgbgbb", "open"),
        ("gbb" * 3 + "_" * 31 + "b", "closed"),  # too long ago
        ("gbb" * 3 + "_" * 29 + "b", "open"),
    ],
)
def test_more_than_half_of_ten_calls_within_30_s(outcomes: str, expected: str) -> None:
    """g: good, b: bad, _: a second passes."""
    circuits, now = Circuits(Limits(circuit_failures=100)), 0.0
    for outcome in outcomes:
        if outcome == "_":
            now += 1.0
        elif outcome == "g":
            circuits.succeeded(PLACE, now, now)
        elif outcome == "b":
            circuits.failed(PLACE, now, now)
    assert circuits.state(PLACE, now) == expected


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=60))
def test_the_window_is_counted_as_by_hand(outcomes: list[tuple[int, bool]]) -> None:
    circuits, now, past = Circuits(Limits(circuit_failures=1000)), 0, []
    for seconds, good in outcomes:
        now += seconds
        past.append((now, good))
        (circuits.succeeded if good else circuits.failed)(PLACE, float(now), float(now))
        recent = [good for at, good in past if at > now - 30]
        too_many = len(recent) >= 10 and 2 * recent.count(False) > len(recent)
        assert circuits.state(PLACE, now) == ("open" if too_many and not good else "closed")
        if too_many and not good:
            return


def test_each_probe_that_fails_doubles_the_time_up_to_five_minutes() -> None:
    circuits = failing(5)
    lengths = []
    for _ in range(6):
        now = circuits.until(PLACE)
        circuits.placed(PLACE, PROBE, now)
        circuits.failed(PLACE, now, now)
        lengths.append(circuits.until(PLACE) - now)
    assert lengths == [60.0, 120.0, 240.0, LONGEST_OPEN_S, LONGEST_OPEN_S, LONGEST_OPEN_S]


def test_a_half_open_circuit_lets_one_call_through() -> None:
    circuits = failing(5)
    circuits.placed(PLACE, PROBE, 31.0)
    assert circuits.state(PLACE, 31.0) == "half-open"
    assert circuits.bars(PLACE, 31.0)
    assert "tried by one call first" in circuits.reason(PLACE, 31.0)
    circuits.left(PLACE, PROBE)
    assert not circuits.bars(PLACE, 32.0), "a caller that leaves proves nothing: the next one tries"


def test_another_call_of_the_same_instant_is_not_the_probe() -> None:
    """As where the last place is used all the same."""
    circuits = failing(5)
    circuits.placed(PLACE, PROBE, 31.0)
    circuits.placed(PLACE, CallId("beside"), 31.0)
    assert not circuits.left(PLACE, CallId("beside"))
    assert circuits.bars(PLACE, 32.0), "the probe is still under way"
    assert circuits.left(PLACE, PROBE)
    assert not circuits.bars(PLACE, 32.0)


def test_a_probe_that_takes_long_is_not_the_last() -> None:
    circuits = failing(5)
    circuits.placed(PLACE, PROBE, 31.0)
    assert circuits.bars(PLACE, 31.0 + PROBE_S - 0.1)
    assert not circuits.bars(PLACE, 31.0 + PROBE_S)


def test_success_closes_and_forgets() -> None:
    circuits = failing(5)
    circuits.placed(PLACE, PROBE, 31.0)
    circuits.succeeded(PLACE, 31.0, 33.0)
    assert circuits.state(PLACE, 33.0) == "closed"
    for _ in range(4):
        circuits.failed(PLACE, 33.0, 33.0)
    assert circuits.state(PLACE, 33.0) == "closed"
    circuits.failed(PLACE, 33.0, 33.0)
    assert circuits.until(PLACE) == 63.0, "30 s again, not 60"


def test_calls_from_before_the_opening_say_nothing_after_it() -> None:
    circuits = failing(5, now=10.0)
    circuits.succeeded(PLACE, 3.0, 41.0)
    assert circuits.state(PLACE, 39.0) == "open"
    circuits.failed(PLACE, 3.0, 41.0)
    assert circuits.until(PLACE) == 40.0


def test_what_changes_by_time_is_told_once() -> None:
    circuits = failing(5)
    assert circuits.due(29.9) == []
    assert circuits.due(30.0) == [PLACE]
    assert circuits.due(30.0) == []
    circuits.placed(PLACE, PROBE, 31.0)
    assert circuits.due(31.0 + PROBE_S) == [PLACE]


def test_a_node_that_was_started_anew_is_judged_anew() -> None:
    circuits = failing(5)
    assert circuits.not_closed(NodeId("n1")) == [PLACE]
    circuits.forget(NodeId("n1"))
    assert circuits.state(PLACE, 1.0) == "closed"
    assert circuits.not_closed(NodeId("n1")) == []
    assert circuits.due(1.0) == [PLACE]
