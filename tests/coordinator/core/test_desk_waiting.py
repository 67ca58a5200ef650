"""What the Desk decides about waiting: turns, cold models, and how long is long enough. Plain values."""

import pytest

from coordinator.core.call import Held, Refused
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from shared.errors import EngineFault, NodeFailure
from shared.names import CallId
from tests.fakes.builders import a_beat, a_call, a_desk, a_model, an_address, an_engine, told, with_loaded

COLD = an_engine(a_model("m", gib=10), slots=2)
"""By the prior, 10 GiB take 23.5 s."""


def cold_fleet(nodes: int = 2, limits: Limits | None = None) -> Desk:
    beats = [a_beat(f"n{number}", COLD) for number in range(1, nodes + 1)]
    return a_desk(*beats, limits=limits or Limits(beat_late_s=1e6, lease_s=1e6))


def arrive(desk: Desk, count: int, now: float, first: int = 1) -> list[str]:
    return [
        word
        for number in range(first, first + count)
        for word in told(desk.arrived(a_call(f"c{number}", "m"), now))
    ]


def test_a_thousand_calls_for_a_cold_model_start_one_load() -> None:
    desk = cold_fleet()
    words = arrive(desk, 1_000, 1.0)
    assert words[:2] == ["c1 on n1", "c2 on n1"]
    assert all(word.endswith("held") for word in words[2:])
    loading = desk.loads.loading(a_call(model="m").model)
    assert loading is not None
    assert (loading.node_id, loading.since) == ("n1", 1.0)
    assert loading.predicted_s == pytest.approx(23.5, abs=0.1)


def test_a_load_that_failed_is_tried_elsewhere() -> None:
    desk = cold_fleet()
    arrive(desk, 4, 1.0)
    assert told(desk.failed(CallId("c1"), NodeFailure("out of memory"), 5.0)) == ["c1 on n2", "c3 on n2"]


def test_a_load_far_overdue_is_not_waited_for_alone() -> None:
    """But neither at the end of the waiting, as long as it is late by less than that."""
    desk = cold_fleet(limits=Limits(beat_late_s=1e6, lease_s=1e6, hold_s=60))
    arrive(desk, 3, 1.0)
    assert told(desk.arrived(a_call("c4", "m"), 31.0)) == ["c4 held"]
    assert told(desk.expired(61.0)) == ["c3 refused 503"]
    assert told(desk.expired(71.0)) == []
    assert told(desk.expired(72.0)) == ["c4 on n2"]


def test_once_loaded_the_others_go_there_and_nowhere_else() -> None:
    desk = cold_fleet()
    arrive(desk, 4, 1.0)
    assert desk.first_byte(CallId("c1"), 20.0) == []
    assert told(desk.finished(CallId("c1"), 21.0)) == ["c3 on n1"]
    loaded = with_loaded("m", slots=2)
    assert told(desk.heard(a_beat("n1", loaded, seq=2), an_address("n1"), 22.0)) == []
    assert told(desk.finished(CallId("c2"), 22.0)) == ["c4 on n1"]


def test_when_its_last_call_has_gone_nothing_is_being_loaded() -> None:
    desk = cold_fleet()
    arrive(desk, 2, 1.0)
    desk.cancelled(CallId("c1"), 2.0)
    assert desk.loads.loading(a_call(model="m").model) is not None
    desk.finished(CallId("c2"), 2.0, good=False)
    assert desk.loads.loading(a_call(model="m").model) is None


# How long


def test_a_load_is_waited_for_as_long_as_it_is_predicted_to_take() -> None:
    """70 GiB: 152 s by the prior; the call that came at 10 may wait as long."""
    desk = a_desk(
        a_beat("n1", an_engine(a_model("m", gib=70)), memory_gib=100),
        limits=Limits(beat_late_s=1e6, lease_s=1e6),
    )
    desk.arrived(a_call("c1", "m"), 1.0)
    (held,) = desk.arrived(a_call("c2", "m"), 10.0)
    assert isinstance(held, Held)
    assert held.until == pytest.approx(162.3, abs=0.1)
    assert desk.expired(162.0) == []
    (decision,) = desk.expired(163.0)
    assert isinstance(decision, Refused)
    assert str(decision.error) == (
        "waited 153 s for 'm', which is being loaded on n1; which takes longer than expected"
    )


def test_a_load_is_waited_for_300_s_at_the_longest() -> None:
    desk = a_desk(
        a_beat("n1", an_engine(a_model("m", gib=170)), memory_gib=200),
        limits=Limits(beat_late_s=1e6, lease_s=1e6),
    )
    desk.arrived(a_call("c1", "m"), 1.0)
    desk.arrived(a_call("c2", "m"), 11.0)
    assert desk.expired(310.9) == []
    (decision,) = desk.expired(311.0)
    assert isinstance(decision, Refused)
    error = decision.error
    assert str(error) == "waited 300 s for 'm', which is being loaded on n1; about 58 s more"
    assert error.retry_after == 58


def test_after_the_load_the_usual_time_begins() -> None:
    desk = cold_fleet(1)
    arrive(desk, 3, 1.0)
    desk.first_byte(CallId("c1"), 25.0)
    assert desk.expired(54.9) == []
    assert told(desk.expired(55.0)) == ["c3 refused 503"]


def test_a_refusal_for_want_of_a_place_says_how_long_it_would_have_been() -> None:
    desk = a_desk(a_beat("n1", with_loaded("m")), limits=Limits(beat_late_s=1e6, lease_s=1e6))
    for number in range(1, 9):
        desk.arrived(a_call(f"c{number}", "m"), 1.0)
    desk.finished(CallId("c1"), 20.0)
    desk.finished(CallId("c2"), 21.0)
    first, *_ = desk.expired(31.0)
    assert isinstance(first, Refused)
    assert str(first.error) == (
        "no node could take 'm' within 30 s: every place for it is taken; about 15 s more"
    )


# Turns


def test_a_call_that_failed_elsewhere_keeps_its_turn() -> None:
    desk = a_desk(a_beat("n1", with_loaded("m")), a_beat("n2", with_loaded("m")))
    arrive(desk, 4, 1.0)
    assert told(desk.failed(CallId("c1"), NodeFailure("broken"), 2.0)) == ["c1 held"]
    assert told(desk.finished(CallId("c2"), 3.0)) == ["c1 on n2"]


def test_what_the_caller_got_wrong_frees_its_place_for_the_next() -> None:
    desk = a_desk(a_beat("n1", with_loaded("m")))
    arrive(desk, 2, 1.0)
    error = EngineFault("no", status=400)
    assert told(desk.failed(CallId("c1"), error, 2.0)) == ["c1 refused 400", "c2 on n1"]


def test_nothing_starves() -> None:
    """A background call of one client under an unending stream of interactive ones of another, one every second."""
    desk = a_desk(a_beat("n1", with_loaded("m")), limits=Limits(beat_late_s=1e6, lease_s=1e6, hold_s=1e6))
    desk.arrived(a_call("b", "m", client="x", priority="background"), 0.0)
    running = "b"
    desk.arrived(a_call("background", "m", client="x", priority="background"), 0.0)
    for second in range(1, 60):
        desk.arrived(a_call(f"i{second}", "m", client="flood"), float(second))
        (word,) = told(desk.finished(CallId(running), second + 0.5))
        running = word.split()[0]
        if running == "background":
            break
    assert 20 <= second <= 21
