"""How long the calls there will still take: their number times the 75th percentile of past ones."""

from coordinator.core.call import Call
from coordinator.core.candidate import Candidate
from coordinator.core.latencies import expected_s

FULL_PENALTY_AT_S = 250.0


def score(candidate: Candidate, _call: Call) -> float:
    """0 with no call running, -1 at 250 s of expected waiting. The calls for all models of the node count."""
    if not candidate.in_flight and not candidate.others_s:
        return 0.0
    latency = candidate.latency_p75_s
    if latency is None:
        latency = expected_s(candidate.model_bytes, candidate.bandwidth_gbps)
    return share(candidate.in_flight * latency + candidate.others_s)


def share(seconds: float) -> float:
    """Of so much waiting."""
    return -seconds / FULL_PENALTY_AT_S if seconds < FULL_PENALTY_AT_S else -1.0
