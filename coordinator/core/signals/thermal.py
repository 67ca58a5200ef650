"""Residency: is the model in memory already? (The reference calls this signal thermal: hot, warm, cold.)"""

from coordinator.core.call import Call
from coordinator.core.candidate import WARM_FOR_S, Candidate

HOT, WARM, COLD = 1.0, 0.6, 0.2
"""50, 30 and 10 of 50 points."""


def score(candidate: Candidate, _call: Call, *, warm: float = WARM, cold: float = COLD) -> float:
    """1 loaded, `warm` unloaded less than 30 minutes ago (still in the page cache), `cold` on disk."""
    if candidate.loaded:
        return HOT
    if candidate.unloaded_for_s is not None and candidate.unloaded_for_s < WARM_FOR_S:
        return warm
    return cold
