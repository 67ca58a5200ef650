"""The last five minutes."""

import pytest

from agent.capacity.recent import Reading, Recent


def after(*runs: tuple[float, float]) -> Recent:
    """Readings every 5 s: for so many seconds, so many per cent."""
    recent, at = Recent(), 0.0
    for seconds, use in runs:
        for _ in range(round(seconds / 5)):
            at += 5.0
            recent.observe(Reading(at, 5.0, use))
    return recent


@pytest.mark.parametrize(
    ("runs", "trend"),
    [
        ([(300, 20)], 0.0),
        ([(150, 10), (150, 60)], 1.0),
        ([(150, 10), (150, 35)], 0.5),
        ([(150, 35), (150, 10)], -0.5),
        ([(150, 90), (150, 0)], -1.0),
        ([(1000, 90), (150, 10), (150, 35)], 0.5),
        ([(30, 90), (25, 0)], 0.0),
        ([], 0.0),
    ],
)
def test_the_trend_is_over_five_minutes(runs: list[tuple[float, float]], trend: float) -> None:
    assert after(*runs).trend() == pytest.approx(trend)


@pytest.mark.parametrize(
    ("runs", "hard"),
    [
        ([(115, 86)], False),
        ([(120, 86)], True),
        ([(600, 86)], True),
        ([(600, 85)], False),
        ([(110, 100), (5, 10), (110, 100)], False),
        ([(200, 100), (5, 10)], False),
    ],
)
def test_a_machine_is_worked_hard_after_two_minutes(runs: list[tuple[float, float]], hard: bool) -> None:
    assert after(*runs).worked_hard() == hard


def test_now_is_half_a_minute() -> None:
    assert after((300, 80), (15, 20)).use_pct() == pytest.approx(50)
    assert after((300, 80), (30, 20)).use_pct() == 20
    assert Recent().use_pct() == 0.0


def test_what_was_before_a_sleep_is_no_matter() -> None:
    recent = after((300, 100))
    recent.forget()
    assert not recent.worked_hard()
    assert recent.trend() == recent.use_pct() == 0.0


def test_hard_work_has_to_be_seen() -> None:
    """Not an hour between two readings in which it could not be told from the fleet's."""
    recent = after((60, 100))
    recent.observe(Reading(3600.0, 5.0, 100.0))
    assert not recent.worked_hard()


def test_a_longer_reading_counts_more() -> None:
    recent = Recent()
    recent.observe(Reading(15.0, 15.0, 0.0))
    recent.observe(Reading(20.0, 5.0, 100.0))
    assert recent.use_pct() == 25.0
