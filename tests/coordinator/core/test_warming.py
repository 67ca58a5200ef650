"""What is loaded before a call asks: runners-up under load, preloads, pins. Tables over plain values."""

from typing import Any

import msgspec
import pytest

from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.core.room import GIB, rooms
from coordinator.core.warming import (
    Key,
    Load,
    RunnersUp,
    Situation,
    WarmRules,
    pin_refusal,
    pins_missing,
    preloads,
)
from shared.names import ModelName, NodeId, normalise
from shared.wire import Capacity, Heartbeat, Power
from tests.fakes.builders import MODEL, a_beat, a_call, a_desk, a_model, a_replica, an_engine, with_loaded

LIMITS = Limits()
RULES = WarmRules(after_s=5.0)
M = ModelName(MODEL)


def seen(desk: Desk, *barred: Key) -> Situation:
    found = rooms(desk.fleet, LIMITS, 0.0)
    return Situation(desk.fleet, {room.node_id: room for room in found}, set(barred))


def cold(node_id: str, *names: str, gib: float = 2.0, **changes: Any) -> Heartbeat:
    """A node with 16 GiB that has these models on disk, MODEL where none is named."""
    beat = a_beat(node_id, an_engine(*(a_model(name, gib=gib) for name in names or (MODEL,)), slots=2))
    return msgspec.structs.replace(beat, **changes)


def where(orders: list[Load]) -> list[str]:
    return [f"{order.model} on {order.node_id}" for order in orders]


def with_runner_up(**changes: Any) -> Desk:
    """n1 has the model loaded, n2 joins once its calls run there."""
    desk = a_desk(a_beat("n1", with_loaded(slots=3)))
    for number in range(3):
        desk.arrived(a_call(f"c{number}"), 0.0)
    desk.heard(cold("n2", **changes), "http://n2:1", 0.0)
    desk.reached(NodeId("n2"), 0.0)
    return desk


@pytest.mark.parametrize(
    ("changes", "ordered"),
    [
        ({}, True),
        ({"gib": 10.0}, True),
        ({"gib": 10.8}, False),  # 12.96 GiB in memory; 0.8 of 16 are 12.8
        ({"gib": 0.0}, False),  # unknown
        ({"capacity": Capacity(availability=0.6)}, True),
        ({"capacity": Capacity(availability=0.5)}, False),
        ({"capacity": Capacity(ceiling_bytes=2 * GIB)}, False),
        ({"capacity": Capacity(mode="paused")}, False),
        ({"power": Power(on_battery=True)}, False),
        ({"draining": True}, False),
    ],
)
def test_the_runner_up_is_loaded_where_its_owner_leaves_room(changes: dict[str, Any], ordered: bool) -> None:
    desk = with_runner_up(**changes)
    runners_up = RunnersUp(RULES)
    runners_up.orders(seen(desk), {}, 0.0)
    assert where(runners_up.orders(seen(desk), {}, 5.0)) == [f"{MODEL} on n2"] * ordered


def test_only_while_all_warm_places_are_taken_and_for_a_while() -> None:
    desk = with_runner_up()
    runners_up = RunnersUp(RULES)
    assert runners_up.orders(seen(desk), {}, 0.0) == []
    for now, calls in ((3.0, "c0"), (3.0, "")):
        if calls:
            desk.finished(a_call(calls).id, now)
        assert runners_up.orders(seen(desk), {}, now) == [], "a place became free"
    assert runners_up.orders(seen(desk), {M: 1}, 4.0) == []
    assert runners_up.orders(seen(desk), {M: 1}, 8.9) == [], "it counts anew"
    assert where(runners_up.orders(seen(desk), {M: 1}, 9.0)) == [f"{MODEL} on n2"]
    assert runners_up.orders(seen(desk, (NodeId("n2"), M)), {M: 1}, 9.5) == [], "it is being loaded"
    assert runners_up.orders(seen(desk, (NodeId("n3"), M)), {M: 1}, 9.5) == [], "one at a time for a model"


@pytest.mark.parametrize(("threshold", "ordered"), [(3, True), (4, False), (0, False)])
def test_the_threshold_counts_running_and_waiting_calls(threshold: int, ordered: bool) -> None:
    desk = with_runner_up()
    runners_up = RunnersUp(WarmRules(threshold=threshold, after_s=0.0))
    assert bool(runners_up.orders(seen(desk), {}, 0.0)) == ordered
    assert bool(runners_up.orders(seen(desk), {M: 1}, 0.0)) == (threshold > 0)


def test_a_model_that_is_loaded_nowhere_is_left_to_the_call_that_loads_it() -> None:
    desk = a_desk(cold("n1"), cold("n2"))
    runners_up = RunnersUp(WarmRules(after_s=0.0))
    assert runners_up.orders(seen(desk), {M: 200}, 0.0) == []


# Preloads


def test_the_models_used_most_are_loaded_each_where_most_is_to_spare() -> None:
    desk = a_desk(
        cold("n1", "a", "b", gib=6.0),  # one of them fits into 0.8 of 16 GiB
        a_beat("n2", an_engine(a_model("a", gib=4), a_model("c", gib=4)), memory_gib=24),
        a_beat("n3", with_loaded("d")),
    )
    used = [(normalise(name), calls) for name, calls in (("d", 99), ("a", 50), ("b", 40), ("c", 30))]
    assert where(preloads(seen(desk), used, RULES)) == ["a:latest on n2", "b:latest on n1"], "d is loaded"
    four = WarmRules(preloads=4)
    assert where(preloads(seen(desk), used, four)) == ["a:latest on n2", "b:latest on n1", "c:latest on n2"]
    rarely = [(model, 9) for model, _ in used]
    assert preloads(seen(desk), rarely, four) == []
    assert preloads(seen(desk), [(normalise("gone"), 99), *used], WarmRules(preloads=1)) == []


def test_a_preload_puts_nothing_out() -> None:
    beat = a_beat(
        "n1",
        an_engine(
            a_model("a", gib=6),
            a_model("b", gib=6),
            replicas=[msgspec.structs.replace(a_replica("b"), size_bytes=6 * GIB)],
        ),
    )
    desk = a_desk(beat)
    assert preloads(seen(desk), [(normalise("a"), 99)], RULES) == []
    assert preloads(seen(a_desk(cold("n1", "a", gib=6))), [(normalise("a"), 99)], RULES) != []


# Pins


def test_pins_are_loaded_where_they_are_missing() -> None:
    n1, n2 = NodeId("n1"), NodeId("n2")
    loaded = an_engine(a_model("a"), a_model("b"), replicas=[a_replica("a")])
    desk = a_desk(a_beat("n1", loaded), cold("n2", "a", "c"))
    pinned = {
        n1: {normalise("a"), normalise("b"), normalise("gone")},
        n2: {normalise("a")},
        NodeId("n9"): {M},
    }
    orders = pins_missing(seen(desk), pinned, [])
    assert where(orders) == ["b:latest on n1", "a:latest on n2"]
    assert all(order.for_ever for order in orders)
    assert where(pins_missing(seen(desk, (n1, normalise("b"))), pinned, [])) == ["a:latest on n2"]
    anywhere = [normalise(name) for name in ("a", "c", "gone")]
    assert where(pins_missing(seen(desk), {}, anywhere)) == ["c:latest on n2"], "a is loaded somewhere"


def test_pins_of_a_node_stay_within_most_of_its_memory() -> None:
    desk = a_desk(cold("n1", "a", "b", "c", gib=4.0))  # 4.8 GiB each in memory
    node, room = desk.fleet.nodes[NodeId("n1")], seen(desk).rooms[NodeId("n1")]
    a, b, c = map(normalise, ("a", "b", "c"))
    assert pin_refusal(node, room, [a], b) == ""
    assert pin_refusal(node, room, [a, b], b) == ""
    assert pin_refusal(node, room, [a, normalise("gone")], b) == ""
    assert pin_refusal(node, room, [a, b], c) == (
        "the models pinned on n1 would need 14.4 GiB together; 12.8 GiB may be pinned there (80% of its memory)"
    )


def test_a_model_that_can_only_embed_is_loaded_by_an_embedding() -> None:
    for abilities, embeds in (({"embedding"}, True), ({"chat", "embedding"}, False), (set[str](), False)):
        desk = a_desk(a_beat("n1", an_engine(a_model("e", abilities=abilities))))
        (order,) = pins_missing(seen(desk), {NodeId("n1"): {normalise("e")}}, [])
        assert (order.embeds, order.engine_model) == (embeds, "e")
