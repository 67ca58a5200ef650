"""The decayed means of 168 hours."""

import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capacity.slots import DAY_S, SLOTS, Slot, days_observed, learn, new_week, samples_at, slot_of

T0 = 1_800_000_000.0


def test_a_mean_is_that_of_weighted_readings() -> None:
    """As if each reading had been kept, and weighed by its age when the mean is asked for."""
    readings = [(T0 + day * DAY_S, float(use)) for day, use in enumerate((10, 90, 30, 70, 50, 0, 100))]
    slot = Slot()
    for at, use in readings:
        learn(slot, use, 5.0, at)
    end = readings[-1][0]
    weights = [0.5 ** ((end - at) / (15 * DAY_S)) for at, _ in readings]
    mean = sum(weight * use for weight, (_, use) in zip(weights, readings, strict=True)) / sum(weights)
    assert slot.use_pct == pytest.approx(mean)
    assert slot.samples == pytest.approx(sum(weights))


def test_half_counts_after_fifteen_days() -> None:
    slot = Slot()
    learn(slot, 40.0, 50.0, T0)
    assert samples_at(slot, T0) == 10
    assert samples_at(slot, T0 + 15 * DAY_S) == pytest.approx(5)
    assert samples_at(slot, T0 + 150 * DAY_S) == pytest.approx(10 / 1024)


def test_a_clock_that_goes_back_makes_nothing_younger() -> None:
    slot = Slot()
    learn(slot, 40.0, 5.0, T0)
    learn(slot, 60.0, 5.0, T0 - 300 * DAY_S)
    assert (slot.use_pct, slot.samples) == (50.0, 2.0)
    learn(slot, 80.0, 5.0, T0 - 300 * DAY_S + 1)
    assert slot.samples == pytest.approx(3.0)
    assert days_observed(new_week(T0), T0 - DAY_S) == 0.0


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 60), st.floats(-1e6, 1e10)), max_size=50))
def test_whatever_the_clock_does_a_mean_stays_one(readings: list[tuple[float, float, float]]) -> None:
    slot = Slot()
    for use, seconds, at in readings:
        learn(slot, use, seconds, at)
    assert -1e-6 <= slot.use_pct <= 100 + 1e-6
    assert slot.samples >= 0


@pytest.fixture(name="berlin")
def _berlin() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "CET-1CEST,M3.5.0,M10.5.0/3"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="no time zones by environment on this system")
@pytest.mark.usefixtures("berlin")
def test_hours_are_those_of_the_owners_clock() -> None:
    """Also on the days on which it is put forward or back: one hour is left out, one comes twice."""
    spring, autumn = 1_774_742_400.0, 1_792_882_800.0  # the midnights (UTC+1, UTC+2) before, both Sundays
    forward = [slot_of(time.localtime(spring - 3600 + hour * 3600)) for hour in range(23)]
    assert forward == [144, 145, *range(147, 168)]
    back = [slot_of(time.localtime(autumn - 3600 + hour * 3600)) for hour in range(25)]
    assert back == [144, 145, 146, 146, *range(147, 168)]


def test_every_hour_of_a_week_has_a_slot() -> None:
    assert {slot_of(time.gmtime(T0 + hour * 3600)) for hour in range(SLOTS)} == set(range(SLOTS))
    assert slot_of(time.strptime("2026-11-23 00", "%Y-%m-%d %H")) == 0  # a Monday
