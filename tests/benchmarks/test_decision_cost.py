"""What one placement costs: the Desk alone, from a call's arrival to its place."""

import heapq
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from coordinator.core.call import Call, Placed, Tokens
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits, Weights
from coordinator.core.policies import POLICIES
from shared.names import CallId
from shared.wire import Hardware, Heartbeat
from tests.benchmarks.yardstick import YARDSTICK_US, yardstick_us
from tests.fakes.builders import a_beat, a_call, a_model, a_replica, an_address, an_engine, join

pytestmark = pytest.mark.alone

MODELS = [f"model{number}:latest" for number in range(20)]
LOADED = 6
"""Models in memory of each node: every model is loaded on some, on disk on all."""
BATCHES, CALLS, ROW = 8, 500, 20
READ, WRITTEN = 500, 100
"""Tokens of each call."""
FIRST_S, LAST_S = 0.05, 0.3
"""From a call's placement to its first byte and its end, alone on a node; each call beside it adds a tenth. So about 40
run at any time; each node has room for more."""


def _beat(number: int, seq: int) -> Heartbeat:
    loaded = [MODELS[(number * LOADED + each) % len(MODELS)] for each in range(LOADED)]
    replicas = [a_replica(name, slots=8, context=8_192) for name in loaded]
    engine = an_engine(*map(a_model, MODELS), replicas=replicas, slots=8)
    hardware = Hardware(memory_bandwidth_gbps=100.0 + number % 7)
    return a_beat(f"n{number:04}", engine, seq=seq, hardware=hardware, memory_gib=64)


class Day:
    """A fleet under a steady mix of calls for all its models, with beats between them."""

    def __init__(self, nodes: int, policy: str) -> None:
        self._nodes = nodes
        self._desk = Desk(Limits(), Weights(), now=0.0, policy=POLICIES[policy])
        for number in range(nodes):
            join(self._desk, _beat(number, 1))
        self._chance = random.Random(1)
        self._due: list[tuple[float, CallId, bool]] = []
        """First bytes and ends to come, by time; whether it is an end."""
        self._now = 0.0
        self._count = 0

    def decisions(self) -> list[float]:
        """Seconds of each arrival in one batch; beats and ends are not among them."""
        return [self._decision() for _ in range(CALLS)]

    def in_a_row(self) -> list[float]:
        """Seconds of each arrival in one batch of them, with nothing between them."""
        return [self._row() for _ in range(CALLS // ROW)]

    def _row(self) -> float:
        calls = [self._call() for _ in range(ROW)]
        began = time.perf_counter()
        for call in calls:
            self._desk.arrived(call, self._now)
        seconds = (time.perf_counter() - began) / ROW
        assert all(each.place is not None for each in self._desk.open_calls())
        for call in calls:
            self._desk.cancelled(call.id, self._now)
        return seconds

    def _call(self) -> Call:
        self._count += 1
        return a_call(f"c{self._count}", self._chance.choice(MODELS), estimated_tokens=READ)

    def _decision(self) -> float:
        self._now += 0.01
        call = self._call()
        beating = self._count % self._nodes
        self._desk.heard(_beat(beating, self._count + 1), an_address(f"n{beating:04}"), self._now)
        began = time.perf_counter()
        decisions = self._desk.arrived(call, self._now)
        seconds = time.perf_counter() - began
        assert isinstance(decisions[0], Placed), decisions
        node = self._desk.fleet.nodes[decisions[0].placement.place.node_id]
        slower = 1 + node.running / 10
        heapq.heappush(self._due, (self._now + FIRST_S * slower, call.id, False))
        heapq.heappush(self._due, (self._now + LAST_S * slower, call.id, True))
        self._go_on()
        return seconds

    def _go_on(self) -> None:
        """What is due by now."""
        while self._due[0][0] <= self._now:
            at, call_id, ends = heapq.heappop(self._due)
            if ends:
                self._desk.finished(call_id, at, tokens=Tokens(READ, WRITTEN))
            else:
                self._desk.first_byte(call_id, at)


GOAL_US = {10: 20.0, 1_000: 40.0}
"""Of decisions in a row, on the machine on which YARDSTICK_US was measured, doing nothing else."""
MARGIN = 1.5
"""For what the yardstick does not tell of a machine: caches, and who else uses them."""
SHARED = 3.0
"""Times the goal, that a decision between beats and ends of calls may take: a walk over the fleet costs more."""


class Cost(NamedTuple):
    """Of a decision: in a row, and between beats and ends of calls. Microseconds."""

    row_us: float
    p50_us: float


def _costs(days: Mapping[str, Day]) -> tuple[dict[str, Cost], float]:
    """The quietest of some batches: what it costs, not what else the machine does meanwhile. Beside it, how many times
    slower this machine is than that of the goal, in the quietest of as many.
    """
    rows: defaultdict[str, list[float]] = defaultdict(list)
    between: defaultdict[str, list[float]] = defaultdict(list)
    steps: list[float] = []
    for _ in range(BATCHES):
        for policy, day in days.items():
            between[policy].append(statistics.median(day.decisions()) * 1e6)
            rows[policy].append(statistics.median(day.in_a_row()) * 1e6)
            steps.append(statistics.median(yardstick_us() for _ in range(CALLS // ROW)))
    return {policy: Cost(min(rows[policy]), min(between[policy])) for policy in days}, min(
        steps
    ) / YARDSTICK_US


@pytest.mark.parametrize("nodes", list(GOAL_US))
def test_a_decision_costs_microseconds(nodes: int, capsys: pytest.CaptureFixture[str]) -> None:
    costs, slower = _costs({policy: Day(nodes, policy) for policy in POLICIES})
    with capsys.disabled():
        for policy, cost in costs.items():
            sys.stdout.write(
                f"\n{policy}, one decision among {nodes} nodes x {len(MODELS)} models: {cost.row_us:.1f} us in a row,"
                f" {cost.p50_us:.1f} us between beats and ends of calls (p50), goal {GOAL_US[nodes]:.0f};"
                f" this machine now takes {slower:.2f} times as long as that of the goal\n"
            )
    for policy, cost in costs.items():
        assert cost.row_us <= GOAL_US[nodes] * slower * MARGIN, policy
        assert cost.p50_us <= GOAL_US[nodes] * slower * SHARED, policy
