"""Does the prompt fit the context that is loaded there, with room to answer?"""

from coordinator.core.call import Call
from coordinator.core.candidate import Candidate

TIERS = ((1.0, -15 / 15), (1.5, 3 / 15), (3.0, 7.5 / 15), (8.0, 12 / 15))
"""Context over prompt below the first gives the share that is the second."""
ENOUGH = TIERS[-1][0]


def score(candidate: Candidate, call: Call) -> float:
    """-1 where it does not fit, up to 1 at eight times the prompt; 0 where that is unknown."""
    if call.estimated_tokens <= 0 or not candidate.loaded or not candidate.context_length:
        return 0.0
    ratio = candidate.context_length / call.estimated_tokens
    if ratio >= ENOUGH:  # as nearly always
        return 1.0
    return _share(ratio)


def _share(ratio: float) -> float:
    return next(share for below, share in TIERS if ratio < below)
