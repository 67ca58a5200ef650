"""The seven signals, in the order in which a score is read. A signal is a share in [-1, 1]; weights live in Limits."""

from collections.abc import Callable
from functools import partial

from coordinator.core.call import Call
from coordinator.core.candidate import Candidate
from coordinator.core.limits import Weights
from coordinator.core.signals import (
    availability_trend,
    context_fit,
    memory_fit,
    queue_depth,
    role_affinity,
    thermal,
    wait_time,
)

Signal = Callable[[Candidate, Call], float]

SIGNALS: tuple[tuple[str, Signal], ...] = (
    ("thermal", thermal.score),
    ("memory_fit", memory_fit.score),
    ("queue_depth", queue_depth.score),
    ("wait_time", wait_time.score),
    ("role_affinity", role_affinity.score),
    ("availability_trend", availability_trend.score),
    ("context_fit", context_fit.score),
)
"""Name (the key in `scores_breakdown`, and in Weights) and function."""


GB = 1e9


def functions(weights: Weights) -> dict[str, Signal]:
    """By name, as those weights have them: what a warm or a cold model is worth is told in points."""
    hot = weights.thermal or 1.0
    residency = partial(thermal.score, warm=weights.thermal_warm / hot, cold=weights.thermal_cold / hot)
    known = dict(SIGNALS)
    known["thermal"] = residency if weights.thermal else thermal.score
    known["queue_depth"] = partial(queue_depth.score, per_call=per_call(weights))
    large, small = weights.role_large_gb * GB, weights.role_small_gb * GB
    known["role_affinity"] = partial(role_affinity.score, large=large, small=small)
    return known


def per_call(weights: Weights) -> float:
    """Of signal queue_depth."""
    return weights.queue_depth_per / (weights.queue_depth or 1.0)


OF_PLACE = ("thermal", "memory_fit", "role_affinity", "availability_trend")
"""Change with a beat of the node, or with what is loaded there."""
OF_LOAD = ("queue_depth", "wait_time")
"""Change when a call starts or ends on the node, and are the same for each of its places (`of_load`)."""
OF_CALL = ("context_fit",)
"""Differ from call to call."""


def of_load(
    calls: int, seconds: float, bandwidth_gbps: float, fleet_gbps: float, each: float
) -> tuple[float, float]:
    """OF_LOAD of a node on which so many calls run, which are expected to take so long together. `each`: `per_call`."""
    return queue_depth.share(calls, bandwidth_gbps, fleet_gbps, each), wait_time.share(seconds)
