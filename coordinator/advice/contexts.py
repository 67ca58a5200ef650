"""Which context a model needs, from what its calls used."""

import math
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

LEAST = 4096
HEADROOM = 1.5
WASTE = 4
"""A context of more than so many times what is recommended is too large."""
DRIFT = 2
"""A choice is made anew where it is more than so many times what is recommended by now."""
ENOUGH_AT_START, ENOUGH = 50, 20
"""Calls of the window, before anything is chosen: at the first look, and later."""


class CallTokens(Struct, frozen=True):
    """One completed call, as its engine counted it."""

    model: str
    prompt: int
    completion: int
    timestamp: float

    @property
    def total(self) -> int:
        """What the context had to hold."""
        return self.prompt + self.completion


class ContextUse(Struct, frozen=True, kw_only=True):
    """Tokens of one model's calls over some days."""

    model: str
    prompts: tuple[int, ...]
    """In order of size."""
    totals: tuple[int, ...]
    """In order of size."""
    max_24h: int = 0
    """The largest total of the last day."""

    @property
    def recommended(self) -> int:
        """Tokens of context."""
        return recommended(percentile(self.totals, 99), self.max_24h)


def recommended(p99_total: int, max_total_24h: int) -> int:
    """1.5 times the larger, as the next power of two, 4096 at the least."""
    needed = HEADROOM * max(p99_total, max_total_24h)
    return max(LEAST, 2 ** math.ceil(math.log2(needed))) if needed > 0 else LEAST


def percentile(ordered: tuple[int, ...], percent: float) -> int:
    """The smallest value that so many percent do not pass; 0 of none."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else 0


def uses(calls: Iterable[CallTokens], now: float) -> list[ContextUse]:
    """By model, the one with the most calls first. `now`: Unix time."""
    by_model: dict[str, list[CallTokens]] = {}
    for call in calls:
        by_model.setdefault(call.model, []).append(call)
    found = [
        ContextUse(
            model=model,
            prompts=tuple(sorted(call.prompt for call in own)),
            totals=tuple(sorted(call.total for call in own)),
            max_24h=max((call.total for call in own if call.timestamp >= now - 86_400), default=0),
        )
        for model, own in by_model.items()
    ]
    return sorted(found, key=lambda use: (-len(use.totals), use.model))


def chosen(
    use: ContextUse, allocated: int | None, current: int | None, *, operators: bool, first: bool
) -> int | None:
    """The context to name for calls that name none; None: none, or what was chosen before stays.

    `allocated`: with which the model is loaded now, None where it is not; `operators`: somebody set `current` by hand.
    """
    if operators or len(use.totals) < (ENOUGH_AT_START if first else ENOUGH):
        return None
    wanted = use.recommended
    if current is not None:
        return wanted if current > DRIFT * wanted or current < wanted else None
    return wanted if allocated is not None and allocated > WASTE * wanted else None


def shown(use: ContextUse, allocated: int | None, override: int | None) -> dict[str, Any]:
    """For people and scripts: tokens, and shares in percent of the context that is allocated."""
    p99, wanted = percentile(use.totals, 99), use.recommended
    return {
        "model": use.model,
        "allocated_ctx": allocated or 0,
        "override_ctx": override,
        "request_count": len(use.totals),
        "prompt_tokens": {
            "avg": round(sum(use.prompts) / len(use.prompts), 1) if use.prompts else 0,
            **{f"p{percent}": percentile(use.prompts, percent) for percent in (50, 75, 95, 99)},
            "max": percentile(use.prompts, 100),
        },
        "total_tokens": {
            **{f"p{percent}": percentile(use.totals, percent) for percent in (95, 99)},
            "max": percentile(use.totals, 100),
            "max_24h": use.max_24h,
        },
        "utilization_pct": round(100 * p99 / allocated, 1) if allocated else 0.0,
        "recommended_ctx": wanted,
        "savings_pct": round(100 * (1 - wanted / allocated), 1) if allocated and allocated > wanted else 0.0,
    }
