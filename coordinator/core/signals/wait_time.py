"""How long the calls there will still take: their number times the 75th percentile of past ones."""

from coordinator.core.call import Call
from coordinator.core.candidate import Candidate

FULL_PENALTY_AT_S = 250.0
ANSWER_TOKENS = 100
"""Length of the answer assumed where nothing was measured yet."""
GB = 1e9


def score(candidate: Candidate, _call: Call) -> float:
    """0 with no call running, -1 at 250 s of expected waiting."""
    if not candidate.in_flight:
        return 0.0
    latency = candidate.latency_p75_s
    if latency is None:
        latency = ANSWER_TOKENS / expected_tokens_per_s(candidate)
    return -min(1.0, candidate.in_flight * latency / FULL_PENALTY_AT_S)


def expected_tokens_per_s(candidate: Candidate) -> float:
    """A first guess from bandwidth and model size, until the node has been measured."""
    size_gb = max(1.0, candidate.model_bytes / GB)
    if candidate.bandwidth_gbps:
        return max(10.0, candidate.bandwidth_gbps * 1.2 / max(1.0, size_gb / 10))
    return max(1.0, 100 / size_gb)
