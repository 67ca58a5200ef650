"""What is kept of a decision, and which place was the chosen one."""

import msgspec
from msgspec.structs import replace

from coordinator.core.call import Placed
from coordinator.core.explanation import BEST_KEPT, NODES_NAMED, OTHER_REASONS, REASONS_KEPT, compact
from shared.errors import NodeFailure
from shared.names import CallId, NodeId
from tests.fakes.builders import a_beat, a_call, a_desk, a_model, an_engine, with_loaded
from tests.fakes.decisions import a_decision, a_place, a_refusal

BROKEN = NodeFailure("the engine crashed")


def test_a_small_decision_is_kept_as_it_is() -> None:
    whole = a_decision(a_place("n1", thermal=50), a_place("n2", thermal=10), a_refusal("n3"))
    assert compact(whole) == whole


def test_of_many_places_the_best_are_kept_and_the_chosen_one_wherever_it_ranks() -> None:
    """Those before it had no room."""
    places = [a_place(f"n{at}", thermal=50 - at, room=at == 9) for at in range(12)]
    kept = compact(a_decision(*places, a_refusal("away"), chosen="n9"))
    assert [each.node_id for each in kept.candidates] == ["n0", "n1", "n2", "n3", "n4", "n9", "away"]
    assert kept.omitted == 12 - BEST_KEPT - 1
    assert kept.chosen_place == places[9]
    assert compact(kept) == kept


def test_refusals_of_a_large_fleet_are_counted_by_reason() -> None:
    refused = [a_refusal(f"n{at}", f"n{at} is lost (no heartbeat for {at} s)") for at in range(30)]
    refused += [a_refusal(f"m{at}", f"needs 18.2 GiB, m{at} has {at}.5 GiB in all") for at in range(10)]
    refused += [a_refusal("n1b", "on n1b it does not support tools")]
    kept = compact(a_decision(a_place("best", thermal=50), *refused, chosen="best"))
    assert [each.node_id for each in kept.candidates] == ["best"]
    assert kept.omitted == 41
    assert kept.omitted_refusals == {
        "NODE is lost": 30,
        "needs N GiB, NODE has N GiB in all": 10,
        "on NODE it does not support tools": 1,
    }


def test_however_odd_the_reasons_their_kinds_are_bounded() -> None:
    refused = [a_refusal(f"node-{at}", f"{'x' * at} is odd") for at in range(1, NODES_NAMED + 50)]
    counts = compact(a_decision(*refused, outcome="waits")).omitted_refusals
    assert len(counts) == REASONS_KEPT
    assert sum(counts.values()) == len(refused)
    assert counts[OTHER_REASONS] == len(refused) - REASONS_KEPT + 1


def test_a_thousand_nodes_make_no_large_row() -> None:
    places = [a_place(f"node-{at:04}.example.org", thermal=10, role_affinity=3.4567) for at in range(1000)]
    chosen = places[0].node_id
    rows = {
        count: len(msgspec.json.encode(compact(a_decision(*places[:count], chosen=chosen))))
        for count in (1, 3, 10, 1000)
    }
    print("bytes of a stored decision, by nodes:", rows)  # noqa: T201 - the figure is the point
    assert rows[1000] < 3_000
    refused = [a_refusal(each.node_id) for each in places[:NODES_NAMED]]
    largest = len(msgspec.json.encode(compact(a_decision(*refused, outcome="waits"))))
    print(f"bytes where {NODES_NAMED} nodes refuse:", largest)  # noqa: T201 - likewise
    assert largest < 10_000


def test_the_chosen_place_is_the_one_with_room_where_a_node_has_two() -> None:
    full, free = a_place("n1", room=False, thermal=50), a_place("n1", engine="llamacpp", thermal=10)
    assert a_decision(full, free).chosen_place is free
    assert a_decision(full, free, outcome="waits").chosen_place is None


def test_a_placement_brings_what_was_weighed_and_asking_beforehand_tells_the_same() -> None:
    beats = (a_beat("n1", with_loaded()), a_beat("n2", an_engine(a_model())), a_beat("n3", with_loaded()))
    desk = a_desk(*beats)
    desk.cordoned(NodeId("n3"), 0.0, on=True)
    before = desk.explain(a_call(), 1.0)
    (placed,) = desk.arrived(a_call(), 1.0)
    assert isinstance(placed, Placed)
    assert placed.placement.decision is not None
    seconds = [each.predicted_seconds for each in before.candidates]
    assert [bool(each) for each in seconds] == [True, True, False], "asking beforehand tells of seconds, too"
    points_only = tuple(replace(each, predicted_seconds=None, learned=None) for each in before.candidates)
    assert placed.placement.decision.explanation() == replace(before, candidates=points_only)
    assert (before.outcome, before.chosen) == ("placed", "n1")
    assert [(each.node_id, each.eligible) for each in before.candidates] == [
        ("n1", True),
        ("n2", True),
        ("n3", False),
    ]
    assert before.candidates[0].scores_breakdown == placed.placement.scores
    again = desk.failed(CallId("c1"), BROKEN, 2.0)[0]
    assert isinstance(again, Placed)
    assert again.placement.decision is not None
    refused = again.placement.decision.explanation().candidates[1]
    assert (refused.node_id, refused.refusal) == ("n1", "it has failed on n1")


def test_asking_changes_nothing() -> None:
    desk = a_desk(a_beat("n1", with_loaded()))
    assert [desk.explain(a_call(f"c{at}"), 1.0).outcome for at in range(3)] == ["placed"] * 3
    desk.arrived(a_call(), 1.0)
    assert desk.explain(a_call("c2"), 1.0).outcome == "waits"
    assert (len(desk.open_calls()), len(desk.holding)) == (1, 0)
