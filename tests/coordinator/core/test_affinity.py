"""Conversations return to where they are cached, long beginnings are shared, and load outweighs both."""

from collections.abc import Iterable

import msgspec
import pytest

from coordinator.core.affinity import MOST, TTL_S, WORTH_TOKENS, Affinity, points
from coordinator.core.call import Call, Place, Placed, Placement
from coordinator.core.desk import Desk
from coordinator.core.limits import Weights
from shared.names import CallId, NodeId, normalise
from tests.fakes.builders import (
    MODEL,
    a_beat,
    a_call,
    a_desk,
    a_model,
    a_replica,
    an_address,
    an_engine,
    with_loaded,
)


def place(node_id: str, model: str = MODEL) -> Place:
    return Place(NodeId(node_id), "ollama", normalise(model))


def talk(
    call_id: str = "c1", *, session: str = "", prefix: str = "", continues: bool = True, tokens: int = 0
) -> Call:
    return msgspec.structs.replace(
        a_call(call_id, estimated_tokens=tokens), session=session, prefix=prefix, continues=continues
    )


def turn(desk: Desk, call: Call, now: float) -> Placement:
    """Placed at once, and served to its end."""
    decision = desk.arrived(call, now)[0]
    assert isinstance(decision, Placed)
    desk.finished(call.id, now)
    return decision.placement


def nodes_of(desk: Desk, calls: Iterable[Call], now: float = 1.0) -> list[str]:
    return [turn(desk, call, now).place.node_id for call in calls]


@pytest.mark.parametrize(
    ("depth", "session", "prefix"), [(0, 20.0, 10.0), (1, 13.3, 6.7), (2, 10.0, 5.0), (4, 6.7, 3.3)]
)
def test_the_reference_points(depth: int, session: float, prefix: float) -> None:
    weights = Weights()
    assert points(weights.session_affinity, depth) == pytest.approx(session, abs=0.05)
    assert points(weights.prefix_affinity, depth) == pytest.approx(prefix, abs=0.05)


def test_the_points_are_in_the_total_and_decay_with_all_load_of_the_node() -> None:
    both = [a_model(MODEL), a_model("other")]
    engine = an_engine(*both, replicas=[a_replica(MODEL, slots=4), a_replica("other", slots=4)])
    desk = a_desk(a_beat("n1", engine))
    turn(desk, talk("c1", session="s"), 1.0)
    desk.arrived(a_call("running", "other"), 2.0)
    scores = turn(desk, talk("c2", session="s"), 3.0).scores
    assert scores["session_affinity"] == pytest.approx(20 / 1.5)
    assert scores["total"] == pytest.approx(sum(scores.values()) - scores["total"])
    assert "session_affinity" not in turn(desk, talk("c3", session="new"), 4.0).scores


def test_a_conversation_returns_while_its_node_is_no_worse() -> None:
    desk = a_desk(a_beat("n1", with_loaded()), a_beat("n2", with_loaded()))
    assert nodes_of(desk, [talk(f"a{n}", session="a") for n in range(4)]) == ["n1"] * 4
    assert nodes_of(desk, [talk(f"b{n}", session="b") for n in range(4)]) == ["n2"] * 4, "they spread"
    assert nodes_of(desk, [talk("a9", session="a"), talk("b9", session="b")]) == ["n1", "n2"]
    assert turn(desk, talk("a10", session="a"), 2.0).scores["session_affinity"] == 20.0


def test_without_affinity_equals_take_turns() -> None:
    desk = a_desk(a_beat("n1", with_loaded()), a_beat("n2", with_loaded()))
    assert nodes_of(desk, [a_call(f"c{n}") for n in range(4)]) == ["n1", "n2", "n1", "n2"]


def test_load_outweighs_it() -> None:
    desk = a_desk(a_beat("n1", with_loaded(slots=8)), a_beat("n2", with_loaded(slots=8)))
    assert turn(desk, talk("a0", session="a"), 1.0).place.node_id == "n1"
    for number in range(6):
        desk.arrived(a_call(f"load{number}"), 2.0)
    for each in desk.open_calls():
        if each.place == place("n2"):
            desk.finished(each.call.id, 2.0)
    assert sum(node.in_flight.total() for node in desk.fleet.nodes.values()) == 3
    assert turn(desk, talk("a1", session="a"), 3.0).place.node_id == "n2"
    assert turn(desk, talk("a2", session="a"), 3.0).place.node_id == "n2", "its cache is there now"


def test_what_begins_a_short_conversation_goes_where_it_likes() -> None:
    desk = a_desk(a_beat("n1", with_loaded()), a_beat("n2", with_loaded()))
    calls = [talk(f"c{n}", session="hello", continues=False, tokens=WORTH_TOKENS - 1) for n in range(4)]
    assert nodes_of(desk, calls) == ["n1", "n2", "n1", "n2"]
    calls = [talk(f"d{n}", session="a book", continues=False, tokens=WORTH_TOKENS) for n in range(4)]
    assert nodes_of(desk, calls) == ["n1"] * 4


def test_a_shared_beginning_goes_where_it_was_served() -> None:
    desk = a_desk(a_beat("n1", with_loaded()), a_beat("n2", with_loaded()))
    calls = [talk(f"c{n}", session=f"s{n}", prefix="p", continues=False) for n in range(4)]
    assert nodes_of(desk, calls) == ["n1"] * 4
    assert turn(desk, talk("c9", prefix="p"), 1.0).scores["prefix_affinity"] == 10.0


def test_a_beginning_may_be_cached_on_two_places_and_the_conversation_outranks_it() -> None:
    affinity = Affinity()
    for name in ("n1", "n2", "n3"):
        affinity.served(talk(prefix="p"), place(name), 0.0)
    affinity.served(talk(session="s"), place("n3"), 0.0)
    assert affinity.preferred(talk(prefix="p"), 0.0) == {
        place("n3"): "prefix_affinity",
        place("n2"): "prefix_affinity",
    }
    both = affinity.preferred(talk(session="s", prefix="p"), 0.0)
    assert both == {place("n3"): "session_affinity", place("n2"): "prefix_affinity"}


def test_it_is_forgotten_after_a_while() -> None:
    affinity = Affinity()
    affinity.served(talk(session="s", prefix="p"), place("n1"), 10.0)
    assert affinity.preferred(talk(session="s", prefix="p"), 10.0 + TTL_S) != {}
    assert affinity.preferred(talk(session="s", prefix="p"), 10.1 + TTL_S) == {}


def test_the_oldest_goes_where_there_are_too_many() -> None:
    affinity = Affinity()
    for number in range(MOST + 1):
        affinity.served(talk(session=f"s{number}"), place("n1"), 0.0)
        affinity.served(talk(session="s0"), place("n1"), 0.0)
    assert affinity.preferred(talk(session="s1"), 0.0) == {}
    assert affinity.preferred(talk(session="s2"), 0.0) != {}
    assert affinity.preferred(talk(session="s0"), 0.0) != {}, "it was used all the time"


@pytest.mark.parametrize("how", ["unloads", "restarts", "lives on"])
def test_it_ends_with_the_cache(how: str) -> None:
    two = an_engine(a_model(), a_model("b"), replicas=[a_replica(), a_replica("b")])
    desk = a_desk(a_beat("n1", two), a_beat("n2", two))
    assert turn(desk, talk("c1", session="s", prefix="p"), 1.0).place.node_id == "n1"
    if how == "unloads":
        without = an_engine(a_model(), a_model("b"), replicas=[a_replica("b")])
        desk.heard(a_beat("n1", without, seq=2), an_address("n1"), 2.0)
    desk.heard(a_beat("n1", two, seq=3, epoch=2 if how == "restarts" else 1), an_address("n1"), 3.0)
    desk.reached(NodeId("n1"), 3.0)
    expected = "n1" if how == "lives on" else "n2"
    assert turn(desk, talk("c2", session="s", prefix="p"), 4.0).place.node_id == expected


def test_it_is_known_from_the_first_byte_on() -> None:
    desk = a_desk(a_beat("n1", with_loaded(slots=2)), a_beat("n2", with_loaded(slots=2)))
    desk.arrived(talk("c1", prefix="p"), 1.0)
    assert desk.fleet.affinity.preferred(talk(prefix="p"), 1.0) == {}
    desk.first_byte(CallId("c1"), 2.0)
    assert desk.fleet.affinity.preferred(talk(prefix="p"), 2.0) == {place("n1"): "prefix_affinity"}


def test_an_explanation_shows_it() -> None:
    desk = a_desk(a_beat("n1", with_loaded()), a_beat("n2", with_loaded()))
    turn(desk, talk("c1", session="s"), 1.0)
    told = desk.explain(talk("c2", session="s"), 2.0)
    assert told.chosen == "n1"
    assert told.weights["session_affinity"] == 20.0
    breakdown = told.candidates[0].scores_breakdown
    assert breakdown is not None
    assert breakdown["session_affinity"] == 20.0
    assert told.candidates[0].score == breakdown["total"]
