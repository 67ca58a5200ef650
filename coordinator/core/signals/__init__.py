"""The seven signals, in the order in which a score is read. A signal is a share in [-1, 1]; weights live in Limits."""

from collections.abc import Callable

from coordinator.core.call import Call
from coordinator.core.candidate import Candidate
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
