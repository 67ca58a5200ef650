"""How much room the model, with its cache at the context asked for, would have in the memory where it would live."""

from coordinator.core.call import Call
from coordinator.core.candidate import Candidate

TIERS = ((2.0, 20 / 20), (1.5, 15 / 20), (1.2, 8 / 20))
"""Free memory over model size must be above the first for the share that is the second."""
JUST_FITS = 3 / 20
HALF_KNOWN = 0.5
"""Where a size is unknown: between fits well and does not fit."""


def score(candidate: Candidate, call: Call) -> float:
    """1 loaded or with twice the room, down to 0 where it does not fit."""
    if candidate.loaded:
        return 1.0
    if not candidate.model_bytes or not candidate.memory_bytes:
        return HALF_KNOWN
    ratio = candidate.free_bytes / needed_bytes(candidate, call)
    for above, share in TIERS:
        if ratio > above:
            return share
    return JUST_FITS if ratio >= 1.0 else 0.0


def needed_bytes(candidate: Candidate, call: Call) -> float:
    """Weights and cache of a cold load for this call."""
    tokens = call.num_ctx * candidate.slots_when_loaded if call.num_ctx else candidate.load_context
    return candidate.model_bytes + candidate.kv_bytes_per_token * tokens
