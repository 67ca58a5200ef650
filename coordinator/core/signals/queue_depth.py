"""How many calls run there already, a fast node's counting for less."""

from coordinator.core.call import Call
from coordinator.core.candidate import Candidate

PER_CALL = 6 / 30
SLOWEST, FASTEST = 0.25, 4.0
"""Clamp of a node's bandwidth over the fleet's median."""


def score(candidate: Candidate, _call: Call) -> float:
    """-1 at five calls on a node of median speed, 0 with none. Load of all models on the node counts."""
    depth = max(candidate.in_flight, candidate.node_in_flight)
    return -min(1.0, depth / _speed(candidate) * PER_CALL)


def _speed(candidate: Candidate) -> float:
    if not candidate.bandwidth_gbps or not candidate.fleet_bandwidth_gbps:
        return 1.0
    return min(FASTEST, max(SLOWEST, candidate.bandwidth_gbps / candidate.fleet_bandwidth_gbps))
