"""Recommended contexts: the reference's worked numbers, and when one is chosen."""

import pytest

from coordinator.advice.contexts import CallTokens, ContextUse, chosen, percentile, recommended, shown, uses

DAY_S = 86_400.0
NOW = 20_000 * DAY_S


@pytest.mark.parametrize(
    ("p99", "most", "tokens"),
    [
        (0, 0, 4096),
        (1000, 0, 4096),
        (4120, 8675, 16384),
        (5409, 8675, 16384),
        (20000, 10000, 32768),
        (2730, 0, 4096),
        (2731, 0, 8192),
    ],
)
def test_recommended(p99: int, most: int, tokens: int) -> None:
    assert recommended(p99, most) == tokens


@pytest.mark.parametrize(
    ("percent", "value"), [(1, 1), (50, 50), (75, 75), (95, 95), (99, 99), (99.5, 100), (100, 100)]
)
def test_percentile(percent: float, value: int) -> None:
    assert percentile(tuple(range(1, 101)), percent) == value
    assert percentile((), percent) == 0
    assert percentile((7,), percent) == 7


def a_use(total: int, count: int = 100) -> ContextUse:
    return ContextUse(model="m", prompts=(total // 2,) * count, totals=(total,) * count, max_24h=total)


@pytest.mark.parametrize(
    ("total", "count", "allocated", "current", "first", "made"),
    [
        (2000, 100, 16384, None, False, None),  # four times 4096 is not yet too much
        (2000, 100, 16385, None, False, 4096),
        (2000, 100, None, None, False, None),  # it is loaded nowhere
        (2000, 49, 131072, None, True, None),
        (2000, 50, 131072, None, True, 4096),
        (2000, 19, 131072, None, False, None),
        (2000, 20, 131072, None, False, 4096),
        (2000, 100, 131072, 8192, False, None),  # chosen before, and not twice too large
        (2000, 100, 131072, 8193, False, 4096),
        (9000, 100, 4096, 4096, False, 16384),  # chosen before, and by now too small
        (9000, 100, 4096, 16384, False, None),
    ],
)
def test_chosen(
    total: int, count: int, allocated: int | None, current: int | None, first: bool, made: int | None
) -> None:
    use = a_use(total, count)
    assert chosen(use, allocated, current, operators=False, first=first) == made
    assert chosen(use, allocated, current, operators=True, first=first) is None, "an operator's stands"


def test_uses_are_by_model() -> None:
    calls = [CallTokens("m", 100 * n, n, NOW - DAY_S * (n % 3) + 1) for n in range(1, 11)]
    calls.append(CallTokens("other", 5, 5, NOW - 2 * DAY_S))
    first, second = uses(calls, NOW)
    assert (first.model, len(first.totals), first.totals[-1], first.max_24h) == ("m", 10, 1010, 1010)
    assert (second.model, second.totals, second.max_24h) == ("other", (10,), 0)


def test_as_it_is_shown() -> None:
    told = shown(a_use(3000), 32768, None)
    assert told == {
        "model": "m",
        "allocated_ctx": 32768,
        "override_ctx": None,
        "request_count": 100,
        "prompt_tokens": {"avg": 1500.0, "p50": 1500, "p75": 1500, "p95": 1500, "p99": 1500, "max": 1500},
        "total_tokens": {"p95": 3000, "p99": 3000, "max": 3000, "max_24h": 3000},
        "utilization_pct": 9.2,
        "recommended_ctx": 8192,
        "savings_pct": 75.0,
    }
    assert shown(a_use(3000), None, 8192)["savings_pct"] == 0.0
