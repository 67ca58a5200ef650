"""One simulation: a world, a workload, a policy; the real Desk decides."""

from collections.abc import Sequence

from msgspec import Struct

from coordinator.core.desk import Desk
from coordinator.core.limits import Limits, Weights
from coordinator.core.policies.policy import Policy
from coordinator.simulate.calls import Calls, Record
from coordinator.simulate.clock import Clock
from coordinator.simulate.machine import Machine
from coordinator.simulate.nodes import Nodes
from coordinator.simulate.warmer import Warmer
from coordinator.simulate.workloads.jobs import Job
from coordinator.simulate.world import World

HOLD_S = 3_600.0
"""How long a call waits for a place: long enough that a policy is not praised for the calls that it lost."""
UNBOUNDED = 10**12


class Ran(Struct, frozen=True):
    """What came of it."""

    records: list[Record]
    """Of each call, in the order of the workload."""
    machines: list[Machine]
    seconds: float
    """Of the world, until the last call had ended."""


def limits(hold_s: float = HOLD_S) -> Limits:
    """The product's own, but that calls may wait longer, and as many as there are."""
    return Limits(hold_s=hold_s, held_calls=UNBOUNDED, held_calls_per_model=UNBOUNDED, held_tokens=UNBOUNDED)


def run(there: World, jobs: Sequence[Job], policy: Policy, bounded: Limits) -> Ran:
    """The same for the same arguments. `there` and `jobs` stay as they are."""
    clock = Clock()
    desk = Desk(bounded, Weights(), clock.now, policy)
    calls = Calls(jobs, desk, clock)
    nodes = Nodes(there, desk, calls, clock)
    calls.begin(nodes)
    nodes.tick()
    Warmer(desk, bounded, nodes, clock).tick()
    clock.run(over=lambda: not calls.open)
    return Ran(calls.records, list(nodes.machines.values()), clock.now)
