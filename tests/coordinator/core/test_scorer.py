"""Points by settings, the order among candidates, and what `explain` says of those that refuse."""

from typing import Any

import msgspec
import pytest

from coordinator.core.candidates import Candidates
from coordinator.core.holding import OpenCall
from coordinator.core.limits import Limits, Weights
from coordinator.core.policies import weighted
from coordinator.core.scorer import Scorer
from shared.names import NodeId
from shared.wire import Gpu, Hardware
from tests.fakes.builders import GIB, a_beat, a_call, a_candidate, a_desk, a_model, an_engine, with_loaded


def test_the_best_comes_first_and_equals_take_turns() -> None:
    cold = a_candidate("n0", loaded=False)
    late, early = a_candidate("n1", last_used=2), a_candidate("n2", last_used=1)
    ordered = weighted.order([cold, late, early], a_call(), Weights())
    assert [each.candidate.place.node_id for each in ordered] == ["n2", "n1", "n0"]
    assert ordered[0].total > ordered[2].total


def test_never_used_equals_go_by_name() -> None:
    ordered = weighted.order([a_candidate("n2"), a_candidate("n1")], a_call(), Weights())
    assert [each.candidate.place.node_id for each in ordered] == ["n1", "n2"]


def test_why_not_names_every_node_that_refuses() -> None:
    desk = a_desk(a_beat("n1", with_loaded()), a_beat("n2", with_loaded(), draining=True))
    desk.cordoned(NodeId("n1"), 0.0, on=True)
    scorer = Scorer(desk.fleet, Limits(), Weights(), weighted.Weighted, 0.0)
    assert scorer.why_not(OpenCall(a_call(), 1, 0.0), 0.0) == "n1 is cordoned; n2 is draining"


def test_memory_is_where_the_model_would_live() -> None:
    gpu = Gpu(name="a card", vram_total_bytes=24 * GIB, vram_free_bytes=20 * GIB)
    engine = an_engine(a_model())
    desk = a_desk(
        a_beat("host", engine, memory_gib=64),
        a_beat("card", engine, memory_gib=64, gpus=[gpu]),
        a_beat("apple", engine, memory_gib=64, gpus=[gpu], hardware=Hardware(unified_memory=True)),
    )
    found = {}
    for node, spot in desk.fleet.having(a_call().model):
        standing = node.standing(0.0, Limits())
        candidate = Candidates(desk.fleet).of(node, standing, spot, a_call().model, 0.0)
        found[node.node_id] = (candidate.free_bytes // GIB, candidate.memory_bytes // GIB)
    assert found == {"host": (64, 64), "card": (20, 24), "apple": (64, 64)}


def test_a_model_may_be_split_over_vram_and_host_memory() -> None:
    gpu = Gpu(vram_total_bytes=24 * GIB, vram_free_bytes=24 * GIB)
    desk = a_desk(a_beat("n1", an_engine(a_model(gib=80)), memory_gib=64, gpus=[gpu]))
    assert desk.arrived(a_call(), 1.0)[0].call_id == "c1"
    assert len(desk.holding) == 0


def test_the_median_speed_is_over_the_nodes_that_tell() -> None:
    speeds = {"n1": 100.0, "n2": 0.0, "n3": 300.0}
    desk = a_desk(
        *(a_beat(name, hardware=Hardware(memory_bandwidth_gbps=speed)) for name, speed in speeds.items()),
        a_beat("n4", with_loaded()),
    )
    ((node, spot),) = desk.fleet.having(a_call().model)
    candidate = Candidates(desk.fleet).of(node, node.standing(0.0, Limits()), spot, a_call().model, 0.0)
    assert candidate.fleet_bandwidth_gbps == 200.0


def test_points_of_a_call_and_what_a_large_and_a_small_model_is_are_settings() -> None:
    def points(name: str, weights: Weights, **changes: Any) -> float:
        candidate = msgspec.structs.replace(a_candidate(), **changes)
        return weighted.points(candidate, a_call(), weights)[name]

    dearer = Weights(queue_depth_per=10.0)
    assert [points("queue_depth", dearer, node_in_flight=calls) for calls in (1, 2, 5)] == [
        -10.0,
        -20.0,
        -30.0,
    ]
    for size, usual, other in ((15 * 10**9, 9.0, 15.0), (25 * 10**9, 15.0, 15.0), (9 * 10**9, 9.0, 1.8)):
        place = {"model_bytes": size, "bandwidth_gbps": 900.0}
        assert points("role_affinity", Weights(), **place) == pytest.approx(usual)
        moved = Weights(role_large_gb=12.0, role_small_gb=10.0)
        assert points("role_affinity", moved, **place) == pytest.approx(other)
