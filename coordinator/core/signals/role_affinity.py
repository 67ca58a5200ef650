"""Large models to machines with fast (else much) memory, small models to the others."""

from coordinator.core.call import Call
from coordinator.core.candidate import Candidate

LARGE_BYTES, SMALL_BYTES = 20e9, 8e9
GIB = 2**30
POINTS = 15.0
FROM_REFERENCE = 15 / 25
"""The reference's bandwidth bonus reaches 25; here the signal as a whole is worth 15."""


def score(candidate: Candidate, _call: Call, large: float = LARGE_BYTES, small: float = SMALL_BYTES) -> float:
    """0 to 1. `large`, `small`: bytes above and below which a model is one."""
    if candidate.bandwidth_gbps:
        return _by_bandwidth(candidate, large, small) * FROM_REFERENCE / POINTS
    return _by_memory(candidate, large, small) / POINTS


def _by_bandwidth(candidate: Candidate, large: float, small: float) -> float:
    bonus = min(25.0, 5 + candidate.bandwidth_gbps / 40)
    if candidate.model_bytes > large:
        return bonus
    if 0 < candidate.model_bytes < small:
        return max(3.0, 18 - 0.6 * bonus)
    return 0.6 * bonus


def _by_memory(candidate: Candidate, large: float, small: float) -> float:
    memory = candidate.memory_bytes / GIB
    if candidate.model_bytes > large:
        return 15.0 if memory >= 128 else 5.0 if memory >= 32 else 0.0
    if 0 < candidate.model_bytes < small:
        return 15.0 if memory <= 32 else 8.0 if memory <= 128 else 3.0
    return 5.0
