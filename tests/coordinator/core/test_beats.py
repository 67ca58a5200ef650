"""A beat that says what the last one said costs next to nothing, and changes no decision."""

import random
from typing import Any

import pytest
from msgspec.structs import replace

from coordinator.core import beats
from coordinator.core.call import Placed, Tokens
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits, Weights
from coordinator.core.memory import free_bytes
from coordinator.core.policies import POLICIES
from shared.names import CallId, NodeId
from shared.wire import Capacity, Cpu, Disk, Gpu, Hardware, Heartbeat, Memory, Power
from tests.fakes.builders import (
    a_beat,
    a_call,
    a_desk,
    a_model,
    a_replica,
    an_address,
    an_engine,
    join,
    with_loaded,
)

GIB = 2**30
SIXTEEN = Memory(total_bytes=16 * GIB, available_bytes=8 * GIB)
CARD = Gpu(name="card", vram_total_bytes=24 * GIB, vram_free_bytes=10 * GIB)
LEFT = Capacity(ceiling_bytes=8 * GIB, availability=0.8)


def beat(**fields: Any) -> Heartbeat:
    return replace(a_beat("n1", with_loaded("a"), gpus=[CARD]), memory=SIXTEEN, capacity=LEFT, **fields)


def again(before: Heartbeat, **fields: Any) -> bool:
    after = replace(before, seq=before.seq + 1, **fields)
    return beats.repeats(before, after, free_bytes(before))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"cpu": Cpu(cores_physical=4, utilization_pct=99.0)},
        {"disk": Disk(total_bytes=1, available_bytes=1)},
        {"power": Power(on_battery=True)},
        {"capacity": replace(LEFT, confidence=0.7, days_observed=9.0)},
        {"gpus": [replace(CARD, vram_free_bytes=10 * GIB - 2**20, utilization_pct=50.0)]},
        {"engines": [with_loaded("a")]},
    ],
)
def test_what_decides_nothing_is_no_news(fields: dict[str, Any]) -> None:
    assert again(beat(), **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"epoch": 2},
        {"leaving": True},
        {"draining": True},
        {"gateway_secret": "another-secret-of-the-gateway"},
        {"hardware": Hardware(memory_bandwidth_gbps=50.0)},
        {"engines": [with_loaded("b")]},
        {"engines": [an_engine(a_model("a"))]},
        {"engines": [replace(with_loaded("a"), up=False)]},
        {"memory": replace(SIXTEEN, pressure="critical")},
        {"memory": replace(SIXTEEN, total_bytes=15 * GIB)},
        {"gpus": [replace(CARD, vram_free_bytes=9 * GIB)]},
        {"gpus": [replace(CARD, vram_total_bytes=16 * GIB)]},
        {"gpus": []},
        {"capacity": None},
        {"capacity": replace(LEFT, mode="paused")},
        {"capacity": replace(LEFT, availability=0.1)},
        {"capacity": replace(LEFT, ceiling_bytes=4 * GIB)},
    ],
)
def test_what_may_decide_something_is(fields: dict[str, Any]) -> None:
    assert not again(beat(), **fields)


def test_memory_that_creeps_away_is_news_in_the_end() -> None:
    """It is compared with what places were weighed by, not with the last beat."""
    desk = a_desk(replace(beat(gpus=[]), capacity=None))
    node = desk.fleet.nodes[NodeId("n1")]
    weighed = []
    for seq in range(2, 40):
        free = 8 * GIB - seq * 32 * 2**20
        told = replace(node.heartbeat, seq=seq, memory=replace(SIXTEEN, available_bytes=free))
        desk.heard(told, an_address("n1"), float(seq) / 10)
        (fixed,) = desk.explain(a_call(model="a"), seq / 10).candidates
        assert fixed.eligible
        weighed.append(node._known_free_bytes)
        assert abs(free - weighed[-1]) <= beats.MEMORY_STEP * 16 * GIB
    assert 3 < len(set(weighed)) < 15


def test_a_probe_that_is_due_waits_for_a_node_that_is_away() -> None:
    desk = Desk(Limits(), Weights(), now=0.0)
    desk.heard(a_beat("n1", with_loaded()), an_address("n1"), 0.0)
    assert desk.due_probes(0.0) == ["n1"]
    desk.heard(a_beat("n1", with_loaded(), seq=2, leaving=True), an_address("n1"), 1.0)
    assert desk.due_probes(30.0) == []
    desk.heard(a_beat("n1", with_loaded(), seq=3), an_address("n1"), 31.0)
    assert desk.due_probes(31.0) == ["n1"]


class Twin:
    """A Desk, and one that hears the same with something in every beat that is news and decides nothing: its chip."""

    def __init__(self, policy: str) -> None:
        self.desks = [Desk(Limits(), Weights(), now=0.0, policy=POLICIES[policy]) for _ in range(2)]
        self.seq = 0
        for number in range(NODES):
            self.beats(number, 0.0, joins=True)

    def beats(self, number: int, now: float, *, joins: bool = False) -> None:
        """One beat of that node, to both."""
        self.seq += 1
        for desk, chip in zip(self.desks, ("", str(self.seq)), strict=True):
            told = self._told(number, chip)
            if joins:
                join(desk, told, now)
            else:
                desk.heard(told, an_address(told.node_id), now)

    def _told(self, number: int, chip: str) -> Heartbeat:
        names = [MODELS[number % 3], MODELS[(number + 1) % 3]]
        engine = an_engine(*map(a_model, MODELS), replicas=[a_replica(name, slots=2) for name in names])
        hardware = Hardware(chip=chip, memory_bandwidth_gbps=100.0 + number)
        return a_beat(f"n{number}", engine, seq=self.seq, hardware=hardware, memory_gib=32)


NODES, CALLS = 5, 250
MODELS = ["a", "b", "c"]


@pytest.mark.parametrize("policy", list(POLICIES))
@pytest.mark.parametrize("seed", range(6))
def test_no_decision_is_another_for_it(policy: str, seed: int) -> None:
    chance, twin, now = random.Random(seed), Twin(policy), 0.0
    answered = 0
    for number in range(CALLS):
        now += chance.expovariate(5.0)
        for node in chance.sample(range(NODES), 2):
            twin.beats(node, now)
        call = a_call(f"c{number}", chance.choice(MODELS), estimated_tokens=chance.choice((50, 500, 3_000)))
        placed, same = (desk.arrived(call, now) for desk in twin.desks)
        assert _shown(placed) == _shown(same)
        if number % 2:
            ends = chance.choice(twin.desks[0].open_calls()).call.id
            tokens, good = Tokens(chance.randrange(50, 900), chance.randrange(10, 700)), chance.random() < 0.9
            ended = [desk.finished(CallId(ends), now, good=good, tokens=tokens) for desk in twin.desks]
            assert _shown(ended[0]) == _shown(ended[1])
            answered += good
    assert answered > CALLS / 4
    for desk in twin.desks[1:]:
        assert desk.explain(call, now) == twin.desks[0].explain(call, now)


def _shown(decisions: list[Any]) -> list[Any]:
    return [
        (each.call_id, each.placement.place, each.placement.scores, each.placement.decision.explanation())
        if isinstance(each, Placed) and each.placement.decision
        else each
        for each in decisions
    ]
