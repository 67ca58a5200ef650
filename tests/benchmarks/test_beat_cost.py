"""What a beat costs the Desk of a thousand nodes: one that says what the last one said, as nearly all do."""

import sys
import time
from collections.abc import Iterator

import msgspec
import pytest
from msgspec.structs import replace

from coordinator.core.desk import Desk
from coordinator.core.limits import Limits, Weights
from coordinator.core.policies import POLICIES
from shared.wire import Hardware, Heartbeat
from tests.benchmarks.yardstick import YARDSTICK_US, yardstick_us
from tests.fakes.builders import a_beat, a_model, a_replica, an_address, an_engine, join

pytestmark = pytest.mark.alone

NODES, ROUNDS = 1_000, 5
EVERY_S = 5.0
GOAL_US = {5: 25.0, 20: 45.0}
"""By models of each node; on the machine of the yardstick, doing nothing else. To weigh all places of a node anew, as a
beat with news does, takes 120 and 390."""
MARGIN = 1.5
"""For what the yardstick does not tell of a machine: caches, and who else uses them."""


def _beats(seq: int, models: int) -> Iterator[Heartbeat]:
    """Of all nodes, as they come over the wire: each a value of its own, with what changes from beat to beat."""
    for number in range(NODES):
        names = [f"model{(number * 3 + each) % 20}:latest" for each in range(models)]
        replicas = [a_replica(name, slots=4, context=8_192) for name in names[:2]]
        hardware = Hardware(memory_bandwidth_gbps=100.0 + number % 7)
        beat = a_beat(
            f"n{number:04}", an_engine(*map(a_model, names), replicas=replicas), seq=seq, hardware=hardware
        )
        free = beat.memory.available_bytes - (number * seq) % 50 * 2**20
        moved = replace(
            beat,
            cpu=replace(beat.cpu, utilization_pct=float((number + seq) % 100)),
            memory=replace(beat.memory, available_bytes=free),
        )
        yield msgspec.json.decode(msgspec.json.encode(moved), type=Heartbeat)


@pytest.mark.parametrize("models", list(GOAL_US))
@pytest.mark.parametrize("policy", list(POLICIES))
def test_a_beat_without_news_costs_microseconds(
    policy: str, models: int, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(Limits(), Weights(), now=0.0, policy=POLICIES[policy])
    for beat in _beats(1, models):
        join(desk, beat)
    costs, steps = [], []
    for round_ in range(ROUNDS):
        beats = [(beat, an_address(beat.node_id)) for beat in _beats(round_ + 2, models)]
        now = round_ * EVERY_S
        began = time.perf_counter()
        for beat, address in beats:
            now += EVERY_S / NODES
            desk.heard(beat, address, now)
            desk.due_probes(now)
        costs.append((time.perf_counter() - began) / NODES * 1e6)
        steps.append(min(yardstick_us() for _ in range(5)))
    slower = min(steps) / YARDSTICK_US
    with capsys.disabled():
        sys.stdout.write(
            f"\n{policy}, a beat of one of {NODES} nodes with {models} models: {min(costs):.1f} us, goal"
            f" {GOAL_US[models]:.0f}; this machine now takes {slower:.2f} times as long as that of the goal\n"
        )
    assert min(costs) <= GOAL_US[models] * slower * MARGIN
