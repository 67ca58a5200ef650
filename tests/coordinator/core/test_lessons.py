"""What was learned outlives the process."""

import msgspec
import pytest

from coordinator.core.call import Placed, Tokens
from coordinator.core.desk import Desk
from coordinator.core.lessons import Lessons
from coordinator.core.limits import Limits, Weights
from coordinator.core.paces import Run
from coordinator.core.policies.predictive import Predictive
from shared.names import CallId, NodeId, normalise
from shared.wire import Hardware
from tests.fakes.builders import GIB, MODEL, a_beat, a_call, a_model, an_engine, join, with_loaded

SLOW_S = 0.3
"""A token on the node that claims to be fast."""


def desk() -> Desk:
    made = Desk(Limits(beat_late_s=1e9, lease_s=1e9), Weights(), now=0.0, policy=Predictive)
    for name, gbps in (("liar", 800.0), ("honest", 200.0)):
        join(made, a_beat(name, with_loaded(), hardware=Hardware(memory_bandwidth_gbps=gbps)))
    return made


def chosen(made: Desk, call_id: str, now: float) -> str:
    (placed,) = made.arrived(a_call(call_id), now)
    assert isinstance(placed, Placed)
    return str(placed.placement.place.node_id)


def test_a_restart_forgets_nothing_that_matters() -> None:
    before = desk()
    for number in range(10):
        now = 100.0 * number
        call_id = CallId(f"c{number}")
        slow = chosen(before, call_id, now) == "liar"
        before.first_byte(call_id, now + 1.0)
        before.finished(call_id, now + 1.0 + 100 * (SLOW_S if slow else 0.02), tokens=Tokens(50, 100))
    assert chosen(before, "last", 2_000.0) == "honest"

    content = msgspec.json.encode(before.lessons())
    after = desk()
    assert chosen(after, "c0", 0.0) == "liar", "it claims more, and nothing is known"
    after = desk()
    after.recall(msgspec.json.decode(content, type=Lessons))
    assert chosen(after, "c0", 0.0) == "honest"
    assert after.fleet.lengths.expected(a_call(), normalise(MODEL)) == pytest.approx(100.0)
    kept = [each.lessons().nodes[NodeId("liar")].writing[normalise(MODEL)][0] for each in (before, after)]
    assert kept[0] == kept[1]


def test_how_fast_a_node_loads_is_kept() -> None:
    before = Desk(Limits(), Weights(), now=0.0)
    join(before, a_beat("n1", an_engine(a_model(gib=10.0))))
    before.arrived(a_call("c1"), 0.0)
    before.first_byte(CallId("c1"), 7.0)
    learned = before.fleet.loads.predicted_s(NodeId("n1"), 10 * GIB)
    assert learned == pytest.approx(7.0)
    after = Desk(Limits(), Weights(), now=0.0)
    after.recall(before.lessons())
    assert after.fleet.loads.predicted_s(NodeId("n1"), 10 * GIB) == pytest.approx(learned, rel=0.01)


def test_of_a_large_fleet_it_is_small_enough_to_be_written_each_minute() -> None:
    made = desk()
    for number in range(1_000):
        for model in range(20):
            made.fleet.paces.learn(NodeId(f"n{number}"), normalise(f"m{model}"), GIB, 100.0, A_RUN)
    assert len(msgspec.json.encode(made.lessons())) < 3_000_000


A_RUN = Run(
    prompt_tokens=100,
    answer_tokens=100,
    first_byte_s=0.5,
    seconds=3.0,
    reading_beside=0.0,
    writing_beside=0.0,
    loaded=True,
    cached=False,
)
