"""An engine that costs money, or serves batches only, gets no call that does not allow it."""

import pytest
from msgspec.structs import replace

from coordinator.core.call import Call, Refused
from coordinator.core.limits import Limits
from coordinator.core.room import rooms
from coordinator.core.warming import Situation, WarmRules, preloads
from shared.names import NodeId, normalise
from tests.fakes.builders import a_beat, a_call, a_desk, a_model, a_replica, an_engine, told, with_loaded

CLOUD = replace(with_loaded("big"), name="cloud", kind="openai", restricted="cost")


def that_allows(*restrictions: str, call_id: str = "c1") -> Call:
    return replace(a_call(call_id, "big"), allows=frozenset(restrictions))


@pytest.mark.parametrize("allows", [(), ("batch",)])
def test_a_call_that_does_not_allow_it_hears_why(allows: tuple[str, ...]) -> None:
    desk = a_desk(a_beat("n1", CLOUD))
    (refused,) = desk.arrived(that_allows(*allows), 0.0)
    assert isinstance(refused, Refused)
    assert refused.error.status == 400
    assert "cloud on n1 serves only calls that allow it (cost): header X-Fleet-Allow" in str(refused.error)


@pytest.mark.parametrize("allows", [("cost",), ("restricted",), ("batch", "cost")])
def test_a_call_that_allows_it_is_served(allows: tuple[str, ...]) -> None:
    desk = a_desk(a_beat("n1", CLOUD))
    assert told(desk.arrived(that_allows(*allows), 0.0)) == ["c1 on n1"]


def test_another_engine_with_the_model_serves() -> None:
    desk = a_desk(a_beat("n1", CLOUD), a_beat("n2", with_loaded("big")))
    assert told(desk.arrived(that_allows(), 0.0)) == ["c1 on n2"]
    assert told(desk.arrived(that_allows(call_id="c2"), 0.0)) == ["c2 held"], "it waits for the free one"


def test_one_that_is_free_serves() -> None:
    desk = a_desk(a_beat("n1", replace(CLOUD, restricted="")))
    assert told(desk.arrived(that_allows(), 0.0)) == ["c1 on n1"]


def test_who_may_not_go_there_holds_up_nobody_who_may() -> None:
    local = with_loaded("big")
    desk = a_desk(a_beat("n1", replace(local, up=False)), a_beat("n2", replace(CLOUD, up=False)))
    assert told(desk.arrived(that_allows(call_id="c1"), 0.0)) == ["c1 held"]
    assert told(desk.arrived(that_allows("cost", call_id="c2"), 0.0)) == ["c2 held"]
    decisions = desk.heard(a_beat("n2", CLOUD, seq=2), "http://n2:11436", 1.0)
    assert told(decisions) == ["c2 on n2"]


@pytest.mark.parametrize(("restricted", "place"), [("", "c1 on n2"), ("cost", "c1 on n1")])
def test_a_substitute_is_none_that_costs(restricted: str, place: str) -> None:
    cold, warm = (a_model(name, abilities=["chat"]) for name in ("llama3:8b", "llama3.1:8b"))
    there = an_engine(warm, replicas=[a_replica("llama3.1:8b", context=8192)])
    desk = a_desk(a_beat("n1", an_engine(cold)), a_beat("n2", replace(there, restricted=restricted)))
    asked = replace(a_call("c1", "llama3:8b", abilities=["chat"]), may_substitute=True)
    assert told(desk.arrived(asked, 0.0)) == [place]


def test_explaining_names_it() -> None:
    desk = a_desk(a_beat("n1", CLOUD), a_beat("n2", with_loaded("big")))
    explained = desk.explain(that_allows(), 0.0)
    refusals = {each.node_id: each.refusal for each in explained.candidates}
    assert refusals["n2"] == ""
    assert "serves only calls that allow it (cost)" in refusals["n1"]
    explained = desk.explain(that_allows("cost"), 0.0)
    assert all(each.eligible for each in explained.candidates)


def test_a_model_that_only_costs_is_loaded_where_it_is_free() -> None:
    desk = a_desk(a_beat("n1", CLOUD), a_beat("n2", an_engine(a_model("big"))))
    found = {room.node_id: room for room in rooms(desk.fleet, Limits(), 0.0)}
    (order,) = preloads(Situation(desk.fleet, found, set()), [(normalise("big"), 100)], WarmRules())
    assert order.node_id == NodeId("n2")
