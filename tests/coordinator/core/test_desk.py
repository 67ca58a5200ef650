"""What the Desk decides about calls, in plain values: arriving, waiting, ending."""

import pytest

from coordinator.core.call import Decision, Decisions, Freed, Held, Placed, Placement, Refused
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from shared.errors import CallerFault, ModelNotFound, QueueFull, Unavailable
from shared.names import CallId, NodeId
from tests.fakes.builders import (
    MODEL,
    a_beat,
    a_call,
    a_desk,
    a_model,
    a_replica,
    an_address,
    an_engine,
    join,
    told,
    with_loaded,
)

C1, C2, N1, N2 = CallId("c1"), CallId("c2"), NodeId("n1"), NodeId("n2")
LATER = 20.0
"""After the settling time."""


def placement(decisions: Decisions) -> Placement:
    """Of the one decision, which must be Placed."""
    (decision,) = decisions
    assert isinstance(decision, Placed)
    return decision.placement


def refusal(decision: Decision) -> Exception:
    """The error of a decision, which must be Refused."""
    assert isinstance(decision, Refused)
    return decision.error


def one_node(slots: int = 1, limits: Limits | None = None) -> Desk:
    return a_desk(a_beat("n1", with_loaded(slots=slots)), limits=limits)


def kept_alive(desk: Desk, now: float) -> None:
    """n1 beats at `now`, so that its lease does not run out."""
    desk.heard(a_beat("n1", with_loaded(), seq=int(now * 100) + 2), an_address("n1"), now)
    desk.reached(N1, now)


# Placed


def test_a_call_is_placed_and_told_everything_to_carry_it() -> None:
    engine = an_engine(a_model("llama3.2"), replicas=[a_replica("llama3.2", context=8192)])
    placed = placement(a_desk(a_beat("n1", engine)).arrived(a_call(), 1.0))
    assert placed.place == ("n1", "ollama", MODEL)
    assert placed.target.gateway == "http://n1:11436"
    assert placed.engine_model == "llama3.2"
    assert placed.context_length == 8192
    assert (placed.retries, placed.fallback) == (0, False)
    assert placed.scores["total"] == pytest.approx(sum(placed.scores.values()) / 2)


def test_equals_take_turns() -> None:
    desk = a_desk(a_beat("n1", with_loaded()), a_beat("n2", with_loaded()))
    seen = []
    for number in range(4):
        seen.append(placement(desk.arrived(a_call(f"c{number}"), 1.0)).place.node_id)
        desk.finished(CallId(f"c{number}"), 1.0)
    assert seen == ["n1", "n2", "n1", "n2"]


def test_a_loaded_model_beats_one_on_disk() -> None:
    desk = a_desk(a_beat("n1", an_engine(a_model())), a_beat("n2", with_loaded()))
    assert placement(desk.arrived(a_call(), 1.0)).place.node_id == "n2"


# Held


def test_held_calls_go_first_come_first_served() -> None:
    desk = one_node()
    assert told(desk.arrived(a_call("c1"), 1.0)) == ["c1 on n1"]
    assert told(desk.arrived(a_call("c2"), 2.0)) == ["c2 held"]
    assert told(desk.arrived(a_call("c3"), 3.0)) == ["c3 held"]
    assert told(desk.finished(C1, 4.0)) == ["c2 on n1"]
    assert told(desk.finished(C2, 5.0)) == ["c3 on n1"]


def test_a_held_call_is_bound_to_no_node() -> None:
    desk = a_desk(a_beat("n1", with_loaded()), a_beat("n2", with_loaded()))
    places = [placement(desk.arrived(a_call(name), 1.0)).place.node_id for name in ("c1", "c2")]
    assert places == ["n1", "n2"]
    assert told(desk.arrived(a_call("c3"), 1.0)) == ["c3 held"]
    assert told(desk.finished(C2, 2.0)) == ["c3 on n2"]


def test_a_node_that_joins_takes_held_calls() -> None:
    desk = one_node()
    desk.arrived(a_call("c1"), 1.0)
    desk.arrived(a_call("c2"), 1.0)
    assert told(join(desk, a_beat("n2", with_loaded()), 2.0)) == ["c2 on n2"]


def test_waiting_for_one_model_does_not_hold_up_another() -> None:
    desk = a_desk(a_beat("n1", with_loaded(MODEL, "other:latest")))
    desk.arrived(a_call("c1"), 1.0)
    desk.arrived(a_call("c2"), 1.0)
    assert told(desk.arrived(a_call("c3", "other"), 1.0)) == ["c3 on n1"]


def test_after_30_s_a_held_call_is_refused_with_the_reason_of_the_node() -> None:
    desk = one_node()
    desk.cordoned(N1, 1.0, on=True)
    assert desk.arrived(a_call(), 1.0) == [Held(C1, until=31.0)]
    for now in (12.0, 24.0, 30.9):
        kept_alive(desk, now)
    assert desk.expired(30.9) == []
    (decision,) = desk.expired(31.0)
    error = refusal(decision)
    assert isinstance(error, Unavailable)
    assert error.retry_after == 5
    assert str(error) == "no node could take 'llama3.2:latest' within 30 s: n1 is cordoned"
    assert desk.open_calls() == []


def test_retry_after_follows_how_fast_calls_end() -> None:
    desk = one_node(slots=4, limits=Limits(held_calls=2))
    for number in range(6):
        desk.arrived(a_call(f"c{number}"), 1.0)
    for number in range(3):
        desk.finished(CallId(f"c{number}"), 2.0)
    for number in range(6, 10):
        decisions = desk.arrived(a_call(f"c{number}"), 3.0)
    error = refusal(decisions[0])
    assert isinstance(error, QueueFull)
    assert error.retry_after == 20  # 2 wait, 3 ended within 30 s


def test_a_full_queue_refuses() -> None:
    desk = one_node(limits=Limits(held_calls=1))
    assert told([*desk.arrived(a_call("c1"), 1.0), *desk.arrived(a_call("c2"), 1.0)]) == [
        "c1 on n1",
        "c2 held",
    ]
    (decision,) = desk.arrived(a_call("c3"), 1.0)
    error = refusal(decision)
    assert isinstance(error, QueueFull)
    assert (error.status, error.retry_after) == (503, 5)
    assert not desk.knows(CallId("c3"))


# Nobody has it


def test_an_unknown_model_is_404_with_near_names() -> None:
    desk = one_node()
    (decision,) = desk.arrived(a_call(model="lama3.2"), LATER)
    error = refusal(decision)
    assert isinstance(error, ModelNotFound)
    assert str(error) == 'model "lama3.2" not found, try pulling it first; near: llama3.2:latest'


def test_while_nodes_settle_an_unknown_model_may_turn_up() -> None:
    desk = one_node()
    assert told(desk.arrived(a_call("c1", "new"), 1.0)) == ["c1 held"]
    assert told(desk.arrived(a_call("c2", "never"), 1.0)) == ["c2 held"]
    assert told(join(desk, a_beat("n2", with_loaded("new")), 5.0)) == ["c1 on n2"]
    assert told(desk.expired(9.9)) == []
    assert told(desk.expired(10.0)) == ["c2 refused 404"]


def test_a_fleet_without_nodes_says_how_to_start_one() -> None:
    (decision,) = a_desk().arrived(a_call(), LATER)
    error = refusal(decision)
    assert isinstance(error, Unavailable)
    assert (error.status, error.retry_after) == (503, 5)
    assert "herd-node --router-url" in str(error)


# Fallbacks, abilities, sizes


def test_fallback_models_are_taken_in_their_order() -> None:
    desk = a_desk(a_beat("n1", with_loaded("second", "third")))
    placed = placement(desk.arrived(a_call(model="first", fallbacks=["second", "third"]), LATER))
    assert placed.place.model == "second:latest"
    assert placed.fallback


def test_no_fallback_is_taken_while_the_model_itself_is_there() -> None:
    desk = a_desk(a_beat("n1", with_loaded("first", "second")))
    first = placement(desk.arrived(a_call("c1", "first", fallbacks=["second"]), 1.0))
    assert (first.place.model, first.fallback) == ("first:latest", False)
    assert told(desk.arrived(a_call("c2", "first", fallbacks=["second"]), 1.0)) == ["c2 held"]


def test_at_the_end_of_its_waiting_a_call_takes_a_fallback_that_is_free() -> None:
    """`At the end of its waiting a call takes what there is`: the caller allowed this model."""
    desk = a_desk(a_beat("n1", with_loaded("first", "second")))
    desk.arrived(a_call("c1", "first"), 1.0)
    desk.arrived(a_call("c2", "first", fallbacks=["second"]), 1.0)
    desk.heard(a_beat("n1", with_loaded("first", "second"), seq=2), an_address("n1"), 30.0)
    assert told(desk.expired(31.0)) == ["c2 on n1"]


def test_an_ability_that_no_node_offers_is_400_with_the_reason() -> None:
    desk = a_desk(a_beat("n1", an_engine(a_model(abilities=["chat"]))))
    (decision,) = desk.arrived(a_call(abilities=["vision", "tools"]), LATER)
    error = refusal(decision)
    assert isinstance(error, CallerFault)
    assert error.status == 400
    assert str(error) == ("'llama3.2:latest' cannot serve this call: on n1 it does not support tools, vision")


def test_unknown_abilities_refuse_nothing() -> None:
    desk = one_node()
    assert told(desk.arrived(a_call(abilities=["tools"]), 1.0)) == ["c1 on n1"]


def test_a_model_larger_than_the_node_is_refused_in_gib() -> None:
    desk = a_desk(a_beat("n1", an_engine(a_model(gib=18.2)), memory_gib=14.0))
    (decision,) = desk.arrived(a_call(), LATER)
    assert str(refusal(decision)).endswith("needs 18.2 GiB, n1 has 14.0 GiB in all")


def test_a_loaded_model_fits_whatever_its_size() -> None:
    engine = an_engine(a_model(gib=18.2), replicas=[a_replica()])
    desk = a_desk(a_beat("n1", engine, memory_gib=14.0))
    assert told(desk.arrived(a_call(), 1.0)) == ["c1 on n1"]


# Ends


def test_stuck_is_who_makes_no_progress_not_who_is_old() -> None:
    desk = one_node(slots=2, limits=Limits(lease_s=10_000.0))
    desk.arrived(a_call("c1"), 0.0)
    desk.arrived(a_call("c2"), 0.0)
    desk.progressed(C1, 500.0)
    assert told(desk.expired(599.0)) == []
    (freed,) = desk.expired(600.0)
    assert isinstance(freed, Freed)
    assert str(freed.error) == "no progress for 600 s on n1"
    assert told([freed]) == ["c2 freed 504"]
    assert told(desk.expired(1099.0)) == []
    assert told(desk.expired(1100.0)) == ["c1 freed 504"]
    assert desk.open_calls() == []


def test_the_place_of_a_stuck_call_goes_to_who_waits() -> None:
    desk = one_node(limits=Limits(lease_s=10_000.0, hold_s=10_000.0))
    desk.arrived(a_call("c1"), 0.0)
    desk.arrived(a_call("c2"), 0.0)
    assert told(desk.expired(600.0)) == ["c1 freed 504", "c2 on n1"]


def test_a_caller_who_goes_while_held_leaves_the_queue() -> None:
    desk = one_node()
    for name in ("c1", "c2", "c3"):
        desk.arrived(a_call(name), 1.0)
    assert desk.cancelled(C2, 2.0) == []
    assert len(desk.holding) == 1
    assert told(desk.finished(C1, 3.0)) == ["c3 on n1"]


def test_a_caller_who_goes_while_placed_frees_the_place_at_once() -> None:
    desk = one_node()
    desk.arrived(a_call("c1"), 1.0)
    desk.arrived(a_call("c2"), 1.0)
    assert told(desk.cancelled(C1, 2.0)) == ["c2 on n1"]
    assert desk.cancelled(C1, 2.0) == []


def test_good_ends_are_counted_and_their_seconds_learned() -> None:
    desk = one_node(slots=2)
    desk.arrived(a_call("c1"), 1.0)
    desk.arrived(a_call("c2"), 1.0)
    desk.finished(C1, 3.5)
    desk.finished(C2, 9.0, good=False)
    assert (desk.completed, desk.failures) == (1, 1)
    assert desk.fleet.latencies.p75(N1, a_call().model) == 2.5
