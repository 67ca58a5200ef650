"""One simulation: a world, a workload, a policy; the real Desk decides."""

import math
from collections.abc import Sequence

from msgspec import Struct

from coordinator.core.desk import Desk
from coordinator.core.limits import Limits, Weights
from coordinator.core.policies.policy import MakePolicy
from coordinator.simulate.calls import Calls, Record
from coordinator.simulate.clock import Clock
from coordinator.simulate.machine import Machine
from coordinator.simulate.nodes import Nodes
from coordinator.simulate.warmer import Warmer
from coordinator.simulate.workloads.jobs import Job
from coordinator.simulate.world import World

HOLD_S = 30.0
"""How long a call waits for a place, as in the product. Then it is refused, and comes again."""


class Ran(Struct, frozen=True):
    """What came of it."""

    records: list[Record]
    """Of each call, in the order of the workload."""
    machines: list[Machine]
    seconds: float
    """Of the world, until the last call had ended."""


def run(
    there: World, jobs: Sequence[Job], policy: MakePolicy, bounded: Limits, until: float = math.inf
) -> Ran:
    """The same for the same arguments. `there` and `jobs` stay as they are. `until`: seconds of the world, after which
    what is not over is left as it is.
    """
    clock = Clock()
    desk = Desk(bounded, Weights(), clock.now, policy)
    calls = Calls(jobs, desk, clock)
    nodes = Nodes(there, desk, calls, clock)
    calls.begin(nodes)
    nodes.tick()
    Warmer(desk, bounded, nodes, clock).tick()
    clock.run(over=lambda: not calls.open or clock.now > until)
    return Ran(calls.records, list(nodes.machines.values()), clock.now)
