"""A bucket never gives more than it may, and no less than it told."""

import math
from bisect import bisect_left, bisect_right

from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.access.token_bucket import MINUTE_S, TokenBucket

GAPS = st.lists(st.floats(0, 30), min_size=1, max_size=40)
LIMITS = st.integers(1, 200)


@settings(deadline=None)
@given(LIMITS, GAPS)
def test_within_any_time_it_gives_at_most_what_is_in_it_and_what_flows_in(
    limit: int, gaps: list[float]
) -> None:
    bucket, now, taken = TokenBucket(limit, 0.0), 0.0, []
    for gap in gaps:
        now += gap
        while bucket.take(now):
            taken.append(now)
    for start in set(taken):
        for end in {each for each in taken if each >= start}:
            came = bisect_right(taken, end) - bisect_left(taken, start)
            assert came <= limit * (1 + (end - start) / MINUTE_S) + 1e-6


@given(LIMITS, st.integers(0, 10_000), st.floats(0, 1e6))
def test_who_waits_as_long_as_it_was_told_is_served(limit: int, used: int, start: float) -> None:
    bucket = TokenBucket(limit, start)
    bucket.charge(used, start)
    wait = bucket.seconds_until(1.0, start)
    assert (wait == 0.0) == bucket.take(start)
    if wait:
        assert bucket.take(start + math.ceil(wait))


@given(LIMITS, st.floats(0, 1e4), st.floats(0, 1e4))
def test_a_clock_that_goes_back_adds_nothing(limit: int, there: float, back: float) -> None:
    bucket = TokenBucket(limit, there)
    bucket.charge(limit, there)
    assert bucket.level(there - back) == 0.0
    assert bucket.level(there) == 0.0


def test_what_was_used_beyond_the_limit_is_owed() -> None:
    bucket = TokenBucket(60, 0.0)
    bucket.charge(180, 0.0)
    assert bucket.level(0.0) == -120.0
    assert bucket.seconds_until(1.0, 0.0) == 121.0
    assert not bucket.take(120.5)
    assert bucket.take(121.0)
    assert bucket.level(1e6) == 60.0, "it holds no more than its limit"
