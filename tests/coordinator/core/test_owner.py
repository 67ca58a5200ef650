"""What owners leave to the fleet, and what becomes of calls."""

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from coordinator.core import owner
from coordinator.core.call import Refused
from coordinator.core.limits import Limits
from shared.names import CallId, NodeId
from shared.wire import Capacity, Engine, Gpu, Heartbeat, Replica
from tests.fakes.builders import (
    GIB,
    a_beat,
    a_call,
    a_desk,
    a_model,
    an_engine,
    told,
    with_loaded,
)

PAUSED = Capacity(mode="paused", override=True, availability=0.0, ceiling_bytes=0, reason="manual_override")
NOON = 1_795_262_400.0


def a_capacity(mode: str, availability: float, ceiling_gib: float | None = None) -> Capacity:
    ceiling = None if ceiling_gib is None else int(ceiling_gib * GIB)
    return Capacity(mode=mode, availability=availability, ceiling_bytes=ceiling, reason="why")


@pytest.mark.parametrize(
    ("capacity", "refused"),
    [
        (None, None),
        (a_capacity("full", 0.9), None),
        (a_capacity("learned_low", 0.2, 4), None),
        (a_capacity("bootstrap", 0.0), None),
        (a_capacity("bootstrap", 1.0), None),
        (a_capacity("learned_low", 0.1999), "left to its owner (availability 0.20)"),
        (a_capacity("paused", 0.1, 6.4), "paused, its owner needs it (why)"),
        (PAUSED, "paused by its owner"),
        (replace(PAUSED, until=NOON), "paused by its owner until 2026-11-21 12:00 UTC"),
        (replace(PAUSED, until=1e12), "paused by its owner"),
    ],
)
def test_who_takes_no_calls(capacity: Capacity | None, refused: str | None) -> None:
    assert owner.refusal(capacity) == refused


@pytest.mark.parametrize(
    ("ceiling", "free", "resident", "room"),
    [(None, 9, 5, 9), (8, 9, 0, 8), (8, 9, 5, 3), (8, 2, 5, 2), (8, 9, 8, 0), (4, 9, 20, 0)],
)
def test_room_for_one_more_model(ceiling: float | None, free: int, resident: int, room: int) -> None:
    capacity = a_capacity("learned_low", 0.5, ceiling)
    assert owner.room(capacity, free * GIB, resident * GIB) == room * GIB
    assert owner.room(None, free * GIB, resident * GIB) == free * GIB
    fits = owner.cold_refusal(capacity, room * GIB, resident * GIB)
    assert fits is None
    if ceiling is not None:
        left = max(0.0, ceiling - resident)
        beyond = owner.cold_refusal(capacity, int((left + 1) * GIB), resident * GIB)
        assert beyond is not None
        assert f"needs {left + 1:.1f} GiB, its owner leaves {left:.1f} GiB" in beyond
        assert (f"beside the {resident:.1f} GiB" in beyond) == bool(resident)


def a_node(node_id: str, engine: Engine, capacity: Capacity | None, seq: int = 1) -> Heartbeat:
    return replace(a_beat(node_id, engine, seq=seq), capacity=capacity)


def test_a_paused_node_gets_no_calls_until_it_is_resumed() -> None:
    desk = a_desk(a_node("n1", with_loaded(), PAUSED))
    assert told(desk.arrived(a_call(), 1.0)) == ["c1 held"]
    assert told(desk.heard(a_node("n1", with_loaded(), None, seq=2), "http://n1:11436", 2.0)) == ["c1 on n1"]
    # What runs when it is paused again may finish; nothing new comes.
    desk.heard(a_node("n1", with_loaded(), PAUSED, seq=3), "http://n1:11436", 3.0)
    assert desk.fleet.nodes[NodeId("n1")].in_flight.total() == 1
    assert told(desk.arrived(a_call("c2"), 4.0)) == ["c2 held"]
    assert told(desk.finished(CallId("c1"), 5.0)) == []


def test_another_node_serves_meanwhile_and_the_refusal_says_why() -> None:
    desk = a_desk(a_node("n1", with_loaded(), PAUSED), a_node("n2", an_engine(a_model()), None))
    assert told(desk.arrived(a_call(), 1.0)) == ["c1 on n2"]
    explained = desk.explain(a_call("c2"), 1.0)
    refusals = {each.node_id: each.refusal for each in explained.candidates if not each.eligible}
    assert refusals == {"n1": "n1 is paused by its owner"}


@pytest.mark.parametrize("mode", ["bootstrap", "full", "learned_low"])
def test_a_node_that_observes_or_has_learned_serves(mode: str) -> None:
    desk = a_desk(a_node("n1", with_loaded(), a_capacity(mode, 0.0 if mode == "bootstrap" else 0.5)))
    assert told(desk.arrived(a_call(), 1.0)) == ["c1 on n1"]


def test_a_loaded_model_serves_below_its_ceiling_and_a_cold_one_does_not() -> None:
    low = a_capacity("learned_low", 0.3, 1.0)
    for engine, said in ((with_loaded(), "c1 on n1"), (an_engine(a_model(gib=2.0)), "c1 held")):
        assert told(a_desk(a_node("n1", engine, low)).arrived(a_call(), 1.0)) == [said]


def test_models_in_memory_count_against_the_ceiling() -> None:
    other = Replica(model="other:latest", size_bytes=3 * GIB)
    engine = an_engine(a_model(gib=2.0), a_model("other:latest", gib=3.0), replicas=[other])
    assert told(a_desk(a_node("n1", engine, a_capacity("learned_low", 0.5, 4.9))).arrived(a_call(), 1.0)) == [
        "c1 held"
    ]
    assert told(a_desk(a_node("n1", engine, a_capacity("learned_low", 0.5, 5.0))).arrived(a_call(), 1.0)) == [
        "c1 on n1"
    ]


def shares(beats: Iterable[Heartbeat]) -> dict[str, dict[str, float]]:
    desk = a_desk(*beats)
    found = {}
    for each in desk.explain(a_call(), 1.0).candidates:
        assert each.scores_breakdown is not None
        found[str(each.node_id)] = each.scores_breakdown
    return found


def test_the_signals_see_it() -> None:
    """Room within the ceiling for memory_fit, the trend for availability_trend; also where memory is VRAM."""
    rising = replace(a_capacity("learned_high", 0.7, 3.0), trend=1.0)
    falling = replace(a_capacity("learned_high", 0.7, 64.0), trend=-1.0)
    card = Gpu(vram_total_bytes=24 * GIB, vram_free_bytes=24 * GIB)
    beats = [
        a_node("n1", an_engine(a_model()), rising),
        a_node("n2", an_engine(a_model()), falling),
        a_node("n3", an_engine(a_model()), None),
        replace(a_beat("n4", an_engine(a_model()), gpus=[card]), capacity=rising),
    ]
    found = shares(beats)
    assert {node: each["availability_trend"] for node, each in found.items()} == {
        "n1": 10.0,
        "n2": 0.0,
        "n3": 0.0,
        "n4": 10.0,
    }
    assert {node: each["memory_fit"] for node, each in found.items()} == {
        "n1": 8.0,
        "n2": 20.0,
        "n3": 20.0,
        "n4": 8.0,
    }


def test_a_pause_ends_a_wait_with_its_reason() -> None:
    paused = a_node("n1", with_loaded(), replace(PAUSED, until=NOON))
    desk = a_desk(paused, limits=Limits(hold_s=5.0))
    desk.arrived(a_call(), 1.0)
    (refused,) = desk.expired(7.0)
    assert isinstance(refused, Refused)
    assert refused.error.status == 503
    assert "n1 is paused by its owner until 2026-11-21 12:00 UTC" in str(refused.error)
