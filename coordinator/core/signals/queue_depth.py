"""How many calls run there already, a fast node's counting for less."""

from coordinator.core.call import Call
from coordinator.core.candidate import Candidate

PER_CALL = 6 / 30
SLOWEST, FASTEST = 0.25, 4.0
"""Clamp of a node's bandwidth over the fleet's median."""


def score(candidate: Candidate, _call: Call, per_call: float = PER_CALL) -> float:
    """-1 at five calls on a node of median speed, 0 with none. Load of all models on the node counts."""
    depth = max(candidate.in_flight, candidate.node_in_flight)
    return share(depth, candidate.bandwidth_gbps, candidate.fleet_bandwidth_gbps, per_call)


def share(depth: int, bandwidth_gbps: float, fleet_gbps: float, per_call: float = PER_CALL) -> float:
    """Of that many calls on a node, by its memory bandwidth and the fleet's median (GB/s; 0: unknown)."""
    speed = bandwidth_gbps / fleet_gbps if bandwidth_gbps and fleet_gbps else 1.0
    speed = SLOWEST if speed < SLOWEST else FASTEST if speed > FASTEST else speed
    penalty = depth / speed * per_call
    return -penalty if penalty < 1.0 else -1.0
