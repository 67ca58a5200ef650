"""Weeks and a year of an owner's life on a virtual clock."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from agent.capacity.learner import Learner, Moment, Wish, overridden
from agent.capacity.slots import DAY_S, SLOTS, Week, new_week, slot_of
from agent.capacity.store import FILE, Store, encoded
from shared.wire import Capacity

GIB = 2**30
MONDAY = 1_799_625_600.0 - 1_799_625_600.0 % DAY_S
while time.gmtime(MONDAY).tm_wday:
    MONDAY += DAY_S
HOUR_S = 3600.0
YEAR_S = 365 * DAY_S
FILE_BYTES = 20_000
WRITE_S = 1.0
NOON, NIGHT = 12, 2

Life = Callable[[int], float]
"""The hour of the week -> per cent."""


def at(wall: float) -> Moment:
    return Moment(wall, wall, slot_of(time.gmtime(wall)))


def office(hour: int) -> float:
    """Monday to Friday, nine to five."""
    return 70.0 if hour < 5 * 24 and 9 <= hour % 24 < 17 else 4.0


def nights(hour: int) -> float:
    """Another job."""
    return 70.0 if hour % 24 < 6 else 4.0


def live(learner: Learner, life: Life, begin: float, seconds: float, step: float = 60.0) -> int:
    """A reading each `step`; how many."""
    count = round(seconds / step)
    for number in range(1, count + 1):
        now = at(begin + number * step)
        learner.observe(life(now.slot), step, now)
    return count


def score(learner: Learner, day: int, hour: int, weeks: int) -> float:
    """Of that hour of the week, with the machine idle for five minutes before."""
    begin = MONDAY + weeks * 7 * DAY_S + day * DAY_S + hour * HOUR_S
    again = Learner(msgspec.json.decode(encoded(learner.week), type=Week))
    live(again, lambda _hour: 0.0, begin, 300.0, 5.0)
    return again.judge(at(begin + 300), 30.0, 64 * GIB).availability


def test_a_year_of_readings_is_a_small_file(tmp_path: Path) -> None:
    """One week at an agent's own pace, the rest of the year by the minute."""
    learner = Learner(new_week(MONDAY))
    count = live(learner, office, MONDAY, 7 * DAY_S, 5.0)
    began = time.perf_counter()
    rest = live(learner, office, MONDAY + 7 * DAY_S, YEAR_S - 7 * DAY_S)
    each_us = (time.perf_counter() - began) / rest * 1e6
    count += rest
    store = Store(tmp_path / FILE)
    took = []
    for _ in range(10):
        began = time.perf_counter()
        store.write(encoded(learner.week))
        took.append(time.perf_counter() - began)
    size = (tmp_path / FILE).stat().st_size
    print(  # noqa: T201 - the figures are the point
        f"{count} readings at {each_us:.1f} us; file: {size} bytes, written and synced in"
        f" {sorted(took)[5] * 1000:.2f} ms (median), {max(took) * 1000:.2f} ms (worst)"
    )
    assert count > 600_000
    assert size <= FILE_BYTES
    assert sorted(took)[5] < WRITE_S
    week = store.read(MONDAY + YEAR_S)
    assert week == learner.week
    for hour, slot in enumerate(week.slots):
        assert slot.use_pct == pytest.approx(office(hour), abs=1.0)
    judged = learner.judge(at(MONDAY + YEAR_S), 30.0, 64 * GIB)
    assert judged.days_observed == pytest.approx(365)
    assert judged.confidence == pytest.approx(1.0)


def test_a_week_of_work_is_learned_and_forgotten_when_it_changes() -> None:
    learner = Learner(new_week(MONDAY))
    live(learner, office, MONDAY, 8 * 7 * DAY_S)
    assert score(learner, 1, NOON, 8) < 0.6
    assert score(learner, 1, NIGHT, 8) > 0.8
    assert score(learner, 6, NOON, 8) > 0.8
    live(learner, nights, MONDAY + 8 * 7 * DAY_S, 8 * 7 * DAY_S)
    assert score(learner, 1, NIGHT, 16) < 0.65
    assert score(learner, 1, NOON, 16) > 0.8


def test_a_node_serves_while_it_observes() -> None:
    learner = Learner(new_week(MONDAY))
    first = learner.judge(at(MONDAY + 1), 50.0, 16 * GIB)
    assert (first.mode, first.ceiling_bytes, first.availability) == ("bootstrap", None, 1.0)
    live(learner, office, MONDAY, 7 * DAY_S - 60)
    assert learner.judge(at(MONDAY + 7 * DAY_S - 60), 50.0, 16 * GIB).mode == "bootstrap"
    live(learner, office, MONDAY + 7 * DAY_S - 60, 120)
    assert learner.judge(at(MONDAY + 7 * DAY_S + 60), 50.0, 16 * GIB).mode == "learned_high"


@pytest.mark.parametrize("days", [0, 30])
def test_a_machine_that_is_worked_hard_is_paused_and_comes_back(days: int) -> None:
    learner, begin = Learner(new_week(MONDAY)), MONDAY + days * DAY_S
    live(learner, lambda _hour: 95.0, begin, 115.0, 5.0)
    assert learner.judge(at(begin + 115), 50.0, 64 * GIB).mode != "paused"
    live(learner, lambda _hour: 95.0, begin + 115, 5.0, 5.0)
    paused = learner.judge(at(begin + 120), 50.0, 64 * GIB)
    assert (paused.mode, paused.reason, paused.availability) == ("paused", "sustained_high_use", 0.1)
    assert paused.ceiling_bytes == pytest.approx(6.4 * GIB, abs=1)
    live(learner, lambda _hour: 10.0, begin + 120, 5.0, 5.0)
    assert learner.judge(at(begin + 125), 50.0, 64 * GIB).mode != "paused"


def test_a_trend_says_where_availability_goes() -> None:
    """1: the owner is leaving."""
    learner = Learner(new_week(MONDAY))
    live(learner, lambda _hour: 60.0, MONDAY, 150.0, 5.0)
    live(learner, lambda _hour: 10.0, MONDAY + 150, 150.0, 5.0)
    assert learner.judge(at(MONDAY + 300), 0.0, GIB).trend == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("usual", "now", "reason"), [(100.0, 80.0, "historically_busy_slot"), (75.0, 84.0, "currently_busy")]
)
def test_an_hour_that_is_lost_says_why(usual: float, now: float, reason: str) -> None:
    learner = Learner(new_week(MONDAY))
    for slot in learner.week.slots:
        slot.use_pct, slot.samples, slot.at = usual, 1e6, MONDAY + 30 * DAY_S
    begin = MONDAY + 30 * DAY_S
    live(learner, lambda _hour: 10.0, begin, 150.0, 5.0)
    live(learner, lambda _hour: now, begin + 150, 150.0, 5.0)
    judged = learner.judge(at(begin + 300), 100.0, 64 * GIB)
    assert (judged.mode, judged.reason, judged.ceiling_bytes) == ("paused", reason, 0)


def test_a_sleep_and_an_unset_clock_teach_nothing() -> None:
    learner = Learner(new_week(MONDAY))
    before = encoded(learner.week)
    learner.observe(100.0, 8 * HOUR_S, at(MONDAY + 8 * HOUR_S))
    learner.observe(100.0, 5.0, Moment(9.0, 30.0, 3))  # January 1970
    assert encoded(learner.week) == before


def test_a_clock_that_was_ahead_at_the_start_is_no_matter() -> None:
    learner = Learner(new_week(MONDAY + 30 * YEAR_S))
    live(learner, office, MONDAY, 8 * DAY_S, 60.0)
    assert learner.judge(at(MONDAY + 8 * DAY_S), 0.0, GIB).days_observed == pytest.approx(8, abs=0.01)


LEARNED = Capacity(mode="learned_low", availability=0.3, ceiling_bytes=GIB, trend=-0.5, days_observed=9)


@pytest.mark.parametrize("learned", [None, LEARNED])
@pytest.mark.parametrize("until", [None, MONDAY + 10])
def test_a_pause_outranks_what_was_learned_until_it_ends(
    learned: Capacity | None, until: float | None
) -> None:
    paused = overridden(learned, Wish("paused", until), 16 * GIB, MONDAY)
    assert paused is not None
    assert (paused.mode, paused.ceiling_bytes, paused.availability) == ("paused", 0, 0.0)
    assert (paused.override, paused.until, paused.reason) == (True, until, "manual_override")
    assert overridden(learned, Wish("paused", until), 16 * GIB, MONDAY + 10) == (learned if until else paused)
    assert overridden(learned, None, 16 * GIB, MONDAY) == learned


def test_full_is_full_whatever_was_learned() -> None:
    full = overridden(LEARNED, Wish("full"), 10 * GIB, MONDAY)
    assert full is not None
    assert (full.mode, full.ceiling_bytes, full.availability, full.override) == ("full", 8 * GIB, 1.0, True)
    assert (full.trend, full.days_observed) == (-0.5, 9)
    assert overridden(None, Wish("full"), 10 * GIB, MONDAY) is None


def test_without_a_reading_of_memory_there_is_no_ceiling() -> None:
    """A restarted agent judges by its history before its first sample."""
    learner = Learner(new_week(MONDAY))
    live(learner, office, MONDAY, 8 * DAY_S)
    judged = learner.judge(at(MONDAY + 8 * DAY_S), 0.0, 0)
    assert (judged.mode, judged.ceiling_bytes) == ("full", None)
    full = overridden(LEARNED, Wish("full"), 0, MONDAY)
    assert full is not None
    assert full.ceiling_bytes is None


def test_what_is_judged_passes_the_wire_whatever_the_clock_shows() -> None:
    for wall in (-1e12, 0.0, MONDAY, 1e12):
        learner = Learner(new_week(MONDAY))
        learner.observe(100.0, 5.0, Moment(5.0, wall, 5))
        for judged in (
            learner.judge(Moment(6.0, wall, SLOTS - 1), 100.0, 2**53),
            overridden(LEARNED, Wish("paused", 1e300), 2**53, wall),
        ):
            assert judged is not None
            assert msgspec.json.decode(msgspec.json.encode(judged), type=Capacity) == judged
