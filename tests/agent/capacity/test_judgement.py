"""The reference's worked numbers, as tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capacity.judgement import availability, ceiling_bytes, certainty, confidence, tier

GIB = 2**30
percent = st.floats(0, 100)
share = st.floats(0, 1)


@pytest.mark.parametrize(
    ("usual", "use", "memory", "trend", "certain", "score"),
    [  # a fourth column of the reference, the memory of the past, is computed there and not used
        (20, 30, 50, 0.0, 1, 0.676),
        (20, 30, 50, 0.5, 1, 0.626),
        (20, 30, 50, -0.5, 1, 0.726),
        (80, 10, 40, 0.0, 1, 0.504),
        (0, 10, 40, 0.0, 0, 0.748),
    ],
)
def test_the_score(
    usual: float, use: float, memory: float, trend: float, certain: float, score: float
) -> None:
    assert availability(usual, use, memory, trend, certain) == pytest.approx(score)


@pytest.mark.parametrize(
    ("memory_gib", "ceilings"),
    [
        (16, [0, 2, 4, 8, 12.8]),
        (64, [0, 8, 16, 32, 51.2]),
        (128, [0, 16, 32, 64, 102.4]),
        (512, [0, 16, 32, 64, 409.6]),
    ],
)
def test_ceilings(memory_gib: int, ceilings: list[float]) -> None:
    found = [ceiling_bytes(score, memory_gib * GIB) / GIB for score in (0.1, 0.3, 0.5, 0.7, 0.9)]
    assert found == pytest.approx(ceilings)


@pytest.mark.parametrize(
    ("score", "mode", "reason"),
    [
        (0.0, "paused", ""),
        (0.1999, "paused", ""),
        (0.2, "learned_low", "low_availability"),
        (0.3999, "learned_low", "low_availability"),
        (0.4, "learned_medium", "moderate_availability"),
        (0.5999, "learned_medium", "moderate_availability"),
        (0.6, "learned_high", "good_availability"),
        (0.7999, "learned_high", "good_availability"),
        (0.8, "full", "high_availability"),
        (1.0, "full", "high_availability"),
    ],
)
def test_modes_begin_at_their_thresholds(score: float, mode: str, reason: str) -> None:
    assert (tier(score).mode, tier(score).reason) == (mode, reason)


@pytest.mark.parametrize(
    ("days", "samples", "expected"),
    [(0, 0, 0.0), (30, 5, 1.0), (300, 500, 1.0), (15, 0, 0.3), (0, 2.5, 0.2), (7, 5, 0.54)],
)
def test_confidence(days: float, samples: float, expected: float) -> None:
    assert confidence(days, samples) == pytest.approx(expected)


@pytest.mark.parametrize(("samples", "expected"), [(0, 0.0), (360, 0.5), (720, 1.0), (9_999, 1.0)])
def test_a_whole_hour_is_history(samples: float, expected: float) -> None:
    assert certainty(samples) == expected


@given(percent, percent, percent, st.floats(-1, 1), share)
def test_the_score_is_a_share(usual: float, use: float, memory: float, trend: float, sure: float) -> None:
    assert 0.0 <= availability(usual, use, memory, trend, sure) <= 1.0


@given(share, share, st.integers(0, 2**46))
def test_ceilings_never_fall_as_the_score_rises(one: float, other: float, memory: int) -> None:
    low, high = sorted((one, other))
    assert 0 <= ceiling_bytes(low, memory) <= ceiling_bytes(high, memory) <= memory
