"""Is the machine's owner leaving or coming back? A trend, not a level."""

from coordinator.core.call import Call
from coordinator.core.candidate import Candidate


def score(candidate: Candidate, _call: Call) -> float:
    """1 where availability rises, 0.5 where it stays, 0 where it falls; 0 where nothing was learned."""
    if candidate.availability_trend is None:
        return 0.0
    return (max(-1.0, min(1.0, candidate.availability_trend)) + 1) / 2
