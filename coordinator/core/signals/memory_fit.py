"""How much room the model would have in the memory where it would live."""

from coordinator.core.call import Call
from coordinator.core.candidate import Candidate

TIERS = ((2.0, 20 / 20), (1.5, 15 / 20), (1.2, 8 / 20))
"""Free memory over model size must be above the first for the share that is the second."""
JUST_FITS = 3 / 20
HALF_KNOWN = 0.5
"""Where a size is unknown: between fits well and does not fit."""


def score(candidate: Candidate, _call: Call) -> float:
    """1 loaded or with twice the room, down to 0 where it does not fit."""
    if candidate.loaded:
        return 1.0
    if not candidate.model_bytes or not candidate.memory_bytes:
        return HALF_KNOWN
    ratio = candidate.free_bytes / candidate.model_bytes
    for above, share in TIERS:
        if ratio > above:
            return share
    return JUST_FITS if ratio >= 1.0 else 0.0
