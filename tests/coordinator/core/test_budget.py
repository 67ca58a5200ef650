"""The retry budget: in any 10 s, against a count of the whole past."""

from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.core.budget import WINDOW_S, RetryBudget

EVENTS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.01, 0.3, 2.5, 9.99, 10.0]), st.integers(0, 40), st.integers(0, 40)),
    max_size=12,
)
"""Time since the last one, calls that arrive, retries that are wanted."""


@settings(deadline=None)
@given(EVENTS, st.integers(0, 30), st.sampled_from([0.0, 0.2, 0.5, 1.0]))
def test_it_is_never_passed(events: list[tuple[float, int, int]], floor: int, share: float) -> None:
    """Whatever 10 s end with a retry: neither more retries than allowed, nor one refused that was."""
    budget, now = RetryBudget(floor, share), 0.0
    calls: list[float] = []
    retries: list[float] = []
    for seconds, arriving, wanted in events:
        now += seconds
        for _ in range(arriving):
            budget.arrived(now)
        calls += [now] * arriving
        for _ in range(wanted):
            spent = sum(now - WINDOW_S < at <= now for at in retries)
            allowed = max(floor, share * sum(now - WINDOW_S < at <= now for at in calls))
            assert budget.allows(now) == (spent + 1 <= allowed)
            if budget.allows(now):
                budget.spend(now)
                retries.append(now)
    for at in retries:  # told once more, from the outside
        spent = sum(at - WINDOW_S < each <= at for each in retries)
        assert spent <= floor + share * sum(at - WINDOW_S < each <= at for each in calls)


def attempts_per_call(calls_per_s: int, seconds: int) -> float:
    """Everything fails at once, and each call would like to be tried twice more."""
    budget, attempts = RetryBudget(30, 0.2), 0
    total = calls_per_s * seconds
    for number in range(total):
        now = number / calls_per_s
        budget.arrived(now)
        attempts += 1
        for _ in range(2):
            if budget.allows(now):
                budget.spend(now)
                attempts += 1
    return attempts / total


def test_when_everything_fails_attempts_are_at_most_a_fifth_more() -> None:
    figures = {
        (rate, s): attempts_per_call(rate, s) for rate in (150, 151, 400, 1000) for s in (1, 7, 10, 60)
    }
    print(f"attempts per call, when everything fails: {figures}")  # noqa: T201 - the figures are the point
    assert max(figures.values()) <= 1.2


def test_a_few_calls_may_always_be_tried_again() -> None:
    assert attempts_per_call(1, 10) == 3.0


def test_its_memory_is_that_of_its_window() -> None:
    budget = RetryBudget(30, 0.2)
    for number in range(50_000):
        budget.arrived(number / 100)
    assert len(budget._calls) <= 1_000
