"""What an arrival costs where no healthy place is left: no walk over the fleet, whatever the trouble is."""

import statistics
import sys
import time

import pytest

from coordinator.core.call import Held, Placed
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits, Weights
from shared.names import CallId
from tests.fakes.builders import MODEL, a_beat, a_call, an_address, join, with_loaded

pytestmark = pytest.mark.alone

NODES = 1_000
AT_MOST_US = 500.0
"""A walk over so many nodes took 14,500."""


def troubled(kind: str) -> tuple[Desk, float]:
    """All nodes have the model and are in trouble; and the time since when."""
    desk, engine = Desk(Limits(held_calls=10_000), Weights(), now=0.0), with_loaded()
    for number in range(NODES):
        join(desk, a_beat(f"n{number:04}", engine))
    for node in desk.fleet.nodes.values():
        if kind == "suspect":
            node.suspect("its connection broke", 0.0)
    if kind == "full":
        for number in range(NODES):
            assert isinstance(desk.arrived(a_call(f"full{number}"), 0.0)[0], Placed)
    return desk, 16.0 if kind in ("late", "full") else 1.0


def again(desk: Desk, seq: int, now: float) -> None:
    """One of the nodes beats, and is as before: its connection breaks again."""
    name = f"n{seq % NODES:04}"
    node = desk.fleet.heard(a_beat(name, with_loaded(), seq=seq + 2), an_address(name), now)
    node.suspect("it broke again", now)


@pytest.mark.parametrize("kind", ["suspect", "late", "full"])
def test_an_arrival_among_troubled_nodes(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    desk, now = troubled(kind)
    expected = Held if kind == "full" else Placed
    took = []
    for number in range(200):
        again(desk, number, now)
        call = a_call(f"c{number}", MODEL, client=f"{number}", estimated_tokens=2 ** (number % 16))
        began = time.perf_counter()
        decision = desk.arrived(call, now)[0]
        took.append(time.perf_counter() - began)
        assert isinstance(decision, expected), decision
        desk.cancelled(CallId(call.id), now)
    p50_us = statistics.median(took) * 1e6
    with capsys.disabled():
        sys.stdout.write(f"\none arrival among {NODES} nodes, all of them {kind}: {p50_us:.1f} us (p50)\n")
    assert p50_us <= AT_MOST_US
