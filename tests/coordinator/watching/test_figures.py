"""Figures of the last minute, from plain values."""

import pytest

from coordinator.watching.figures import ENDED_KEPT, Ended, LastMinute, Spell, quantile, rates, sums


def a_spell(begun: float, until: float, tokens: int, node_id: str = "n1") -> Spell:
    """Of model m."""
    return Spell(node_id, "m", begun, until, tokens)


def an_end(at: float, *, first: float | None = 0.5, failed: bool = False) -> Ended:
    """A call of a second with ten tokens."""
    return Ended(at, a_spell(at - 1, at, 10), first, failed)


@pytest.mark.parametrize(
    ("begun", "until", "expected"),
    [(90.0, 100.0, 5.0), (80.0, 100.0, 2.5), (70.0, 80.0, 0.0), (85.0, 95.0, 2.5), (100.0, 100.0, 0.0)],
)
def test_tokens_count_as_far_as_they_fall_into_the_last_ten_seconds(
    begun: float, until: float, expected: float
) -> None:
    told = rates([], [a_spell(begun, until, 50)], 100.0)
    assert told.get(("n1", "m"), 0.0) == pytest.approx(expected)


def test_rates_of_one_node_and_model_add_up() -> None:
    told = rates([an_end(100.0)], [a_spell(95, 100, 50), a_spell(95, 100, 50, "n2")], 100.0)
    assert told == {("n1", "m"): pytest.approx(6.0), ("n2", "m"): pytest.approx(5.0)}


def test_an_old_call_is_forgotten() -> None:
    minute = LastMinute()
    for at in (1.0, 30.0, 61.5):
        minute.add(an_end(at))
    assert [each.at for each in minute.since(61.5)] == [30.0, 61.5]


def test_of_a_very_busy_minute_the_window_is_shorter() -> None:
    minute = LastMinute()
    for number in range(ENDED_KEPT * 2):
        minute.add(an_end(number * 0.001))
    assert minute.window_s(ENDED_KEPT * 0.002) == pytest.approx(ENDED_KEPT * 0.001, rel=0.01)


def test_sums() -> None:
    ended = [
        an_end(1, first=0.1),
        an_end(2, first=0.9),
        an_end(3, first=None, failed=True),
        an_end(4, first=0.2),
    ]
    assert sums(ended, 60.0) == {
        "requests_per_s": 0.07,
        "ttft_p50_s": 0.2,
        "ttft_p95_s": 0.9,
        "error_ratio": 0.25,
    }
    assert sums([], 60.0) == {
        "requests_per_s": 0.0,
        "ttft_p50_s": None,
        "ttft_p95_s": None,
        "error_ratio": 0.0,
    }


def test_a_quantile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(1, 21)]
    assert (quantile(values, 0.5), quantile(values, 0.95), quantile(values, 0.0)) == (10.0, 19.0, 1.0)
