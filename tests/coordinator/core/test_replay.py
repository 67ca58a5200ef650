"""Stored decisions under other weights, by example and against the policy itself."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.core.candidate import Candidate
from coordinator.core.explanation import Explanation, Judged
from coordinator.core.limits import Weights
from coordinator.core.policies import weighted
from coordinator.core.replay import Move, Share, redecided, replay
from tests.fakes.builders import GIB, a_call, a_candidate
from tests.fakes.decisions import SIGNALS, WEIGHTS, a_decision, a_place, a_refusal


def moved_to(explanation: Explanation, **weights: float) -> str:
    found = redecided(explanation, weights)
    return found.node_id if isinstance(found, Judged) else f"skipped: {found}"


WARM_BUSY = a_place("n1", thermal=50, queue_depth=-12)
COLD_IDLE = a_place("n2", thermal=10, queue_depth=0)


@pytest.mark.parametrize(
    ("weights", "node"),
    [
        ({}, "n1"),
        ({"thermal": 50.0}, "n1"),
        ({"thermal": 16.0}, "n1"),
        ({"thermal": 15.0}, "n1"),
        ({"thermal": 14.0}, "n2"),
        ({"thermal": 0.0}, "n2"),
        ({"queue_depth": 99.0}, "n1"),
        ({"queue_depth": 101.0}, "n2"),
        ({"queue_depth": 60.0, "thermal": 25.0}, "n2"),
        ({"context_fit": 1000.0}, "n1"),
    ],
)
def test_points_are_scaled_to_the_new_weight(weights: dict[str, float], node: str) -> None:
    """40 for residency against 12 for an empty queue; equals stay where they were."""
    assert moved_to(a_decision(WARM_BUSY, COLD_IDLE), **weights) == node


def test_only_places_that_could_have_taken_the_call_are_rivals() -> None:
    rivals = (
        a_place("full", room=False, memory_fit=20),
        a_place("troubled", troubled=True, memory_fit=20),
        a_place("other", model="other:latest", memory_fit=20),
        a_refusal("cordoned"),
    )
    decision = a_decision(a_place("n1", thermal=10), *rivals, a_place("n2", memory_fit=1))
    assert moved_to(decision, thermal=0) == "n2"
    last = a_decision(a_place("n1", troubled=True, thermal=50), a_place("n2", troubled=True, memory_fit=20))
    assert moved_to(last, thermal=0) == "n2"


def test_points_beside_the_seven_stay() -> None:
    """Whatever else a policy adds is in the breakdown and in the total."""
    decision = a_decision(a_place("n1", affinity=8, thermal=50), a_place("n2", thermal=50, memory_fit=4))
    assert moved_to(decision, memory_fit=30) == "n1"
    assert moved_to(decision, memory_fit=41) == "n2"


def test_what_cannot_be_replayed_is_left_out_and_counted() -> None:
    unweighted = a_decision(WARM_BUSY, COLD_IDLE, weights=WEIGHTS | {"memory_fit": 0.0})
    unknown = Judged(node_id="n1", engine="", model="", eligible=True)
    decisions = [
        a_decision(WARM_BUSY, COLD_IDLE),
        a_decision(WARM_BUSY, COLD_IDLE, outcome="waits"),
        a_decision(WARM_BUSY, COLD_IDLE, chosen="n2"),
        a_decision(unknown),
        a_decision(),
        unweighted,
    ]
    replayed = replay(decisions, {"memory_fit": 5.0})
    assert replayed.skipped == {
        "its points were not kept": 2,
        "no place was given": 1,
        "not chosen by its points": 1,
        "a weight was 0 or not stored": 1,
    }
    assert (replayed.looked_at, replayed.moved) == (1, 0)
    assert replay([unweighted], {"memory_fit": 0.0, "thermal": 1.0}).moved == 1


def test_the_sums_are_by_way_and_by_node() -> None:
    decisions = [a_decision(WARM_BUSY, COLD_IDLE)] * 3 + [a_decision(a_place("n3"), chosen="n3")]
    decisions.append(a_decision(a_place("n1", thermal=50, queue_depth=-30), a_place("n0", memory_fit=20)))
    replayed = replay(decisions, {"thermal": 5.0})
    assert replayed.moves == (Move("n1", "n2", 3), Move("n1", "n0", 1))
    assert replayed.nodes == {
        "n0": Share(0, 1),
        "n1": Share(4, 0),
        "n2": Share(0, 3),
        "n3": Share(1, 1),
    }
    assert (replayed.looked_at, replayed.moved) == (5, 4)


def test_nothing_gives_nothing() -> None:
    assert (replay([], {}).looked_at, replay([], {}).nodes) == (0, {})


CANDIDATES = st.lists(
    st.builds(
        lambda at, loaded, running, free, context, speed: a_candidate(
            f"n{at}",
            loaded=loaded,
            in_flight=running,
            slots=8,
            model_bytes=4 * GIB,
            free_bytes=free * GIB,
            memory_bytes=64 * GIB,
            context_length=context,
            bandwidth=speed,
            fleet_bandwidth=200.0,
        ),
        st.integers(0, 9),
        st.booleans(),
        st.integers(0, 7),
        st.integers(0, 20),
        st.sampled_from([2048, 8192]),
        st.sampled_from([0.0, 60.0, 800.0]),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda each: each.place,
)
NEW = st.fixed_dictionaries({}, optional={name: st.floats(0, 100) for name in SIGNALS})


def scaled(weights: Mapping[str, float]) -> Weights:
    """Each signal as a whole: all tiers of residency keep their ratio, and a call its part of the queue's points."""
    ratio = weights.get("thermal", WEIGHTS["thermal"]) / WEIGHTS["thermal"]
    tiers = [name for name in Weights.__struct_fields__ if name.startswith("thermal_")]
    each = weights.get("queue_depth", WEIGHTS["queue_depth"]) / WEIGHTS["queue_depth"]
    kept = {name: getattr(Weights(), name) * ratio for name in tiers}
    kept["queue_depth_per"] = Weights().queue_depth_per * each
    return Weights(**WEIGHTS | dict(weights) | kept)


def decided(candidates: list[Candidate], weights: Mapping[str, float]) -> Explanation:
    scored = weighted.order(candidates, a_call(estimated_tokens=1000), scaled(weights))
    places = [
        Judged(
            node_id=each.candidate.place.node_id,
            engine="ollama",
            model="m",
            eligible=True,
            has_room=True,
            score=each.total,
            scores_breakdown=each.scores,
        )
        for each in scored
    ]
    return a_decision(*places, chosen=places[0].node_id)


@given(CANDIDATES, NEW)
def test_a_replay_agrees_with_the_policy(candidates: list[Candidate], weights: dict[str, float]) -> None:
    """It finds a place to which the policy itself, given those weights, gives no fewer points than to its best."""
    truth = decided(candidates, weights)
    points = {each.node_id: each.score or 0.0 for each in truth.candidates}
    found = redecided(decided(candidates, {}), weights)
    assert isinstance(found, Judged)
    assert points[found.node_id] == pytest.approx(max(points.values()), abs=1e-6)
