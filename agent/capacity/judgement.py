"""From how busy the owner is to what the fleet may take: the formulas. Pure."""

from typing import Literal, NamedTuple

GIB = 2**30
Override = Literal["full", "paused"]
Mode = Literal["full", "learned_high", "learned_medium", "learned_low", "paused"]

BOOTSTRAP_DAYS = 7.0
CERTAIN_DAYS = 30.0
CERTAIN_SAMPLES = 720.0
"""An hour's history counts in full once it is a whole hour: if seconds did, the present would count twice."""
CONFIDENT_SAMPLES = 5.0
FULL_SHARE = 0.8
HIGH_USE_GIB, HIGH_USE_SHARE, HIGH_USE_SCORE = 16, 0.1, 0.1
"""Left to what is loaded on a machine that is worked hard."""


class Tier(NamedTuple):
    """For scores below `below`: at most so many GiB, and so large a share of the memory."""

    below: float
    mode: Mode
    gib: float
    share: float
    reason: str


TIERS = (
    Tier(0.2, "paused", 0, 0.0, ""),
    Tier(0.4, "learned_low", 16, 0.125, "low_availability"),
    Tier(0.6, "learned_medium", 32, 0.25, "moderate_availability"),
    Tier(0.8, "learned_high", 64, 0.5, "good_availability"),
    Tier(float("inf"), "full", float("inf"), FULL_SHARE, "high_availability"),
)


def availability(
    usual_pct: float, use_pct: float, memory_pct: float, use_trend: float, certainty: float
) -> float:
    """0 to 1, from the owner's usual use of this hour, the use and memory of now, and the trend of the use (1: rises).

    `certainty` (0 to 1) is how much the hour's history may say; what it may not goes to the present.
    """
    usual = 1 - usual_pct / 100
    present = max(0.0, 1 - 0.7 * use_pct / 100 - 0.3 * memory_pct / 100)
    trend = max(0.0, min(1.0, 0.5 - 0.5 * use_trend))
    score = usual * 0.4 * certainty + present * (0.4 + 0.4 * (1 - certainty)) + trend * 0.2
    return max(0.0, min(1.0, score))


def certainty(samples: float) -> float:
    """Of one hour's history."""
    return min(1.0, samples / CERTAIN_SAMPLES)


def confidence(days: float, mean_samples: float) -> float:
    """Of all that was learned, 0 to 1; told to people, weighs nowhere."""
    return 0.6 * min(1.0, days / CERTAIN_DAYS) + 0.4 * min(1.0, mean_samples / CONFIDENT_SAMPLES)


def tier(score: float) -> Tier:
    """What a score of 0 to 1 comes to."""
    return next(each for each in TIERS if score < each.below)


def ceiling_bytes(score: float, memory_bytes: int) -> int:
    """What models may take together of the memory where they live. Never falls as the score rises."""
    return bounded(memory_bytes, tier(score).gib, tier(score).share)


def bounded(memory_bytes: int, gib: float, share: float) -> int:
    """The smaller of the two."""
    return int(min(gib * GIB, memory_bytes * share))
