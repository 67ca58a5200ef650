"""Where two rules meet: loads and fallbacks, warmth and points, lines and contexts, records and substitutes."""

import time

from msgspec.structs import replace

from coordinator.core.call import Placed
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits, Weights
from coordinator.core.pulls import PullRules
from shared.errors import EngineBusy
from shared.names import CallId, NodeId
from shared.wire import Hardware, Heartbeat
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

BIG, OTHER = "big:latest", "other:latest"


def cold(name: str, seq: int = 1, *, gib: float = 2.0, slots: int = 1) -> Heartbeat:
    return a_beat(name, an_engine(a_model(BIG, gib=gib), slots=slots), seq=seq, memory_gib=64)


def keep_alive(desk: Desk, seq: int, now: float, *names: str) -> None:
    for name in names:
        desk.heard(cold(name, seq), an_address(name), now)


def test_a_load_that_hangs_does_not_hide_the_next_one() -> None:
    names = [f"n{number}" for number in range(1, 6)]
    desk = a_desk(*map(cold, names))
    assert told(desk.arrived(a_call("c0", BIG), 0.0)) == ["c0 on n1"]
    for seq in range(2, 7):
        keep_alive(desk, seq, 5.0 * (seq - 1), *names)
    found = [told(desk.arrived(a_call(f"c{number}", BIG), 25.0)) for number in range(1, 4)]
    assert found == [["c1 on n2"], ["c2 held"], ["c3 held"]], "the first is overdue, the second is not"


def test_at_its_last_chance_a_call_takes_its_fallback_rather_than_nothing() -> None:
    desk = a_desk(cold("n1", gib=10), cold("n2", gib=10), a_beat("n3", with_loaded(OTHER)))
    desk.arrived(a_call("c0", BIG), 0.0)
    assert told(desk.arrived(a_call("c1", BIG, fallbacks=[OTHER]), 0.1)) == ["c1 held"]
    for seq in range(2, 9):
        keep_alive(desk, seq, 5.0 * seq, "n1", "n2")
        desk.heard(a_beat("n3", with_loaded(OTHER), seq=seq), an_address("n3"), 5.0 * seq)
    assert told(desk.expired(41.0)) == ["c1 on n3"]


def test_a_busy_place_whose_beat_is_late_is_not_waited_for() -> None:
    many = an_engine(a_model(BIG), replicas=[a_replica(BIG, slots=8)])
    desk = a_desk(a_beat("n1", with_loaded(BIG)), a_beat("n2", many), cold("n3"))
    for name in ("n1", "n2"):
        desk.remember(NodeId(name), BIG, [20.0])  # type: ignore[arg-type]
    for number in range(9):
        assert told(desk.arrived(a_call(f"c{number}", BIG), 1.0)) != [f"c{number} on n3"]
    assert told(desk.arrived(a_call("waits", BIG), 2.0)) == ["waits held"], "one of nine places is free soon"
    desk.cancelled(CallId("waits"), 2.0)
    desk.heard(a_beat("n1", with_loaded(BIG), seq=2), an_address("n1"), 10.0)
    desk.heard(cold("n3", 2), an_address("n3"), 10.0)
    assert told(desk.arrived(a_call("c9", BIG), 17.0)) == ["c9 on n3"]


def test_a_free_place_that_has_it_loaded_is_taken_before_a_call_waits_for_a_better_one() -> None:
    busy = an_engine(
        a_model(), a_model(OTHER), replicas=[a_replica(context=4_096), a_replica(OTHER, slots=8)]
    )
    desk = a_desk(a_beat("n1", an_engine(a_model(), replicas=[a_replica(context=8_192)])))
    desk.arrived(a_call("c0"), 0.0)
    desk.remember(NodeId("n2"), a_call(model=OTHER).model, [100.0] * 5)
    join(desk, a_beat("n2", busy))
    for number in range(8):
        desk.arrived(a_call(f"x{number}", OTHER), 0.1)
    join(desk, a_beat("n3", an_engine(a_model())))
    assert told(desk.arrived(a_call("c1"), 0.2)) == ["c1 on n2"]


def test_nobody_stands_behind_a_call_that_needs_more_context() -> None:
    def node(name: str, context: int) -> Heartbeat:
        model = replace(a_model(), max_context=131_072)
        return a_beat(name, an_engine(model, replicas=[a_replica(context=context)]))

    desk = a_desk(node("wide", 65_536))
    desk.arrived(a_call("busy"), 0.0)
    join(desk, node("narrow", 40_960))
    assert told(desk.arrived(a_call("c1", num_ctx=45_000), 0.1)) == ["c1 held"]
    assert told(desk.arrived(a_call("c2", num_ctx=35_000), 0.2)) == ["c2 on narrow"]


def test_a_full_queue_does_not_end_the_load_for_those_that_are_there() -> None:
    desk = a_desk(*(cold(name, gib=20, slots=4) for name in ("n1", "n2", "n3")))
    for number in range(6):
        desk.arrived(a_call(f"c{number}", BIG), 0.1 * number)
    desk.failed(CallId("c3"), EngineBusy("full", retry_after=1), 3.0)
    assert desk.fleet.nodes[NodeId("n3")].in_flight.total() == 0
    assert desk.fleet.nodes[NodeId("n1")].in_flight.total() == 4


def test_a_record_tells_of_the_substitute_that_was_chosen() -> None:
    asked, other = "llama3.1:8b", "mistral:7b"
    chat = ("chat",)
    loaded = an_engine(
        a_model(asked, abilities=chat),
        replace(a_model(other, abilities=chat), parameter_size="7B"),
        replicas=[a_replica(other, context=8_192)],
    )
    desk = a_desk(
        a_beat("n0", an_engine(a_model(asked, abilities=chat))),
        a_beat("n1", loaded),
        limits=Limits(substitute=True),
    )
    asked_now = desk.explain(a_call("c0", asked, abilities=chat), 0.0).chosen_place
    (placed,) = desk.arrived(a_call("c1", asked, abilities=chat), 0.0)
    assert isinstance(placed, Placed)
    assert placed.placement.decision is not None
    kept = placed.placement.decision.explanation().chosen_place
    assert asked_now is not None
    assert kept is not None
    assert asked_now.model == kept.model == other
    assert kept.scores_breakdown == placed.placement.scores


def test_in_a_large_fleet_the_chosen_place_is_always_kept() -> None:
    desk = a_desk(*(a_beat(f"n{number:02}", with_loaded()) for number in range(40)))
    for node in desk.fleet.nodes.values():
        node.suspect("no answer", 0.0)
    (placed,) = desk.arrived(a_call("c1"), 0.0)
    assert isinstance(placed, Placed)
    assert placed.placement.decision is not None
    kept = placed.placement.decision.explanation()
    assert kept.chosen_place is not None
    assert (len(kept.candidates), kept.omitted) == (1, 39)


def test_calls_of_others_end_with_the_model_that_they_ran_on() -> None:
    def beat(seq: int, *, loaded: bool) -> Heartbeat:
        replicas = [replace(a_replica(), slots_busy=1)] if loaded else []
        return a_beat("n1", an_engine(a_model(), replicas=replicas), seq=seq)

    desk = a_desk(beat(1, loaded=True))
    desk.heard(beat(2, loaded=True), an_address("n1"), 1.0)
    assert told(desk.arrived(a_call("c1"), 1.1)) == ["c1 held"], "somebody else's call runs there"
    assert told(desk.heard(beat(3, loaded=False), an_address("n1"), 5.0)) == ["c1 on n1"]


def test_after_the_end_began_no_call_is_held_again() -> None:
    desk = a_desk(a_beat("n1", with_loaded()), a_beat("n2", with_loaded()))
    desk.arrived(a_call("c1"), 0.0)
    desk.arrived(a_call("c2"), 0.0)
    desk.closing()
    assert told(desk.failed(CallId("c1"), EngineBusy("full", retry_after=1), 1.0)) == ["c1 refused 503"]


def test_what_is_explained_is_what_a_call_would_get() -> None:
    engine = an_engine(replace(a_model(MODEL), max_context=8_192), replicas=[a_replica(context=8_192)])
    desk = a_desk(a_beat("n1", engine))
    long = replace(a_call("c1"), prompt_chars=1_000_000, estimated_tokens=250_000)
    assert desk.explain(long, 0.0).outcome == "refused"
    assert told(desk.arrived(long, 0.0)) == ["c1 refused 400"]


def test_nodes_that_join_do_not_have_all_others_weighed_anew() -> None:
    desk = a_desk()
    engine = an_engine(*(a_model(f"m{number}") for number in range(20)))
    began = time.process_time()
    for number in range(200):
        speed = Hardware(memory_bandwidth_gbps=100.0 + number * 0.01)
        join(desk, a_beat(f"n{number}", engine, hardware=speed))
    assert time.process_time() - began < 2.0, "0.2 s where the machine is quiet; 4.7 s before"


def test_a_thousand_calls_whose_time_ends_together_walk_over_the_fleet_once() -> None:
    nodes = 200
    desk = a_desk(*(a_beat(f"n{number}", with_loaded()) for number in range(nodes)))
    for number in range(nodes):
        desk.arrived(a_call(f"busy{number}"), 1.0)
    for number in range(1_000):
        desk.arrived(a_call(f"c{number}"), 1.0)
    for seq in (2, 3):
        for number in range(nodes):
            desk.heard(a_beat(f"n{number}", with_loaded(), seq=seq), an_address(f"n{number}"), 10.0 * seq - 6)
    began = time.process_time()
    assert len(desk.expired(31.5)) == 1_000
    assert time.process_time() - began < 1.0, "0.05 s where the machine is quiet; 2.6 s before"


def test_a_model_that_would_be_pulled_is_explained_as_waiting_and_no_wish_is_made() -> None:
    desk = Desk(Limits(settle_s=0.0), Weights(), 0.0, pulls=PullRules(on=True))
    join(desk, a_beat("n1", with_loaded()))
    found = desk.explain(a_call("c1", "new:latest"), 1.0)
    assert (found.outcome, "would be pulled" in found.reason, desk.pulls.wanted) == ("waits", True, False)
    assert told(desk.arrived(a_call("c2", "new:latest"), 1.0)) == ["c2 held"]
