"""Policy `predictive` at the Desk: seconds decide, and who would rather wait lets others pass."""

from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from msgspec.structs import replace

from coordinator.core.call import Call, Place, Placed, Tokens
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits, Weights
from coordinator.core.policies import POLICIES
from coordinator.core.policies.predictive import Predictive
from shared.names import CallId, ModelName
from shared.wire import Engine, Hardware, Heartbeat
from tests.coordinator.core.ledger import Book, Ledger
from tests.coordinator.core.test_desk_properties import LIMITS, DeskMachine
from tests.fakes.builders import a_beat, a_call, a_model, a_replica, an_engine, join, told, with_loaded

FAR = Limits(beat_late_s=1e9, lease_s=1e9)
GIB = 2**30


def node(name: str, *engines: Engine, gbps: float = 100.0, **changes: Any) -> Heartbeat:
    return a_beat(name, *engines, hardware=Hardware(memory_bandwidth_gbps=gbps), **changes)


def predicting(*beats: Heartbeat) -> Desk:
    desk = Desk(FAR, Weights(), now=0.0, policy=Predictive)
    for beat in beats:
        join(desk, beat)
    return desk


def test_the_faster_of_two_idle_nodes_is_taken() -> None:
    desk = predicting(node("n1", with_loaded(), gbps=50.0), node("n2", with_loaded(), gbps=400.0))
    assert told(desk.arrived(a_call("c1"), 0.0)) == ["c1 on n2"]


def test_a_fast_node_is_waited_for_where_the_free_one_is_slow_enough() -> None:
    beats = (node("slow", with_loaded(), gbps=5.0), node("fast", with_loaded(), gbps=400.0))
    desk = predicting(*beats)
    assert told(desk.arrived(a_call("c1"), 0.0)) == ["c1 on fast"]
    assert told(desk.arrived(a_call("c2"), 0.0)) == ["c2 held"]
    assert told(desk.finished(CallId("c1"), 1.0)) == ["c2 on fast"]
    near = predicting(node("slow", with_loaded(), gbps=300.0), beats[1])
    near.arrived(a_call("c1"), 0.0)
    assert told(near.arrived(a_call("c2"), 0.0)) == ["c2 on slow"]


def test_with_many_before_it_a_call_takes_the_slow_node_and_passes_those_that_would_rather_wait() -> None:
    desk = predicting(node("slow", with_loaded(), gbps=20.0), node("fast", with_loaded(), gbps=400.0))
    words = [told(desk.arrived(a_call(f"c{number}"), 0.0))[0] for number in range(40)]
    assert words[0] == "c0 on fast"
    assert words[1] == "c1 held"
    first_slow = next(word for word in words if word.endswith("on slow"))
    assert first_slow not in ("c0 on slow", "c1 on slow")
    assert sum(word.endswith("on slow") for word in words) == 1, "one place, one call"
    assert told(desk.finished(CallId("c0"), 1.0)) == ["c1 on fast"], (
        "nobody lost its turn for what it waits for"
    )


def test_when_the_slow_place_is_free_again_one_from_behind_takes_it() -> None:
    desk = predicting(node("slow", with_loaded(), gbps=20.0), node("fast", with_loaded(), gbps=400.0))
    words = [told(desk.arrived(a_call(f"c{number}"), 0.0))[0] for number in range(60)]
    slow = next(word.split()[0] for word in words if word.endswith("on slow"))
    (went,) = desk.cancelled(CallId(slow), 1.0)
    assert isinstance(went, Placed)
    assert went.placement.place.node_id == "slow"
    assert went.call_id != "c1"


def test_a_cold_model_on_a_fast_node_against_a_warm_one_on_a_slow_node() -> None:
    cold_fast = node("fast", an_engine(a_model(gib=8.0)), gbps=900.0)
    desk = predicting(node("slow", with_loaded(), gbps=60.0), cold_fast)
    assert told(desk.arrived(a_call("c1"), 0.0)) == ["c1 on slow"], "a load takes longer than the answer"


def cold_and_asked_for(calls: int) -> Desk:
    """Three nodes that have the model on disk; so many calls came at once, and one load began."""
    desk = predicting(*(node(f"n{number}", an_engine(a_model())) for number in (1, 2, 3)))
    words = [told(desk.arrived(a_call(f"c{number}"), 0.0))[0] for number in range(calls)]
    assert words == ["c0 on n1", *(f"c{number} held" for number in range(1, calls))]
    return desk


def end(desk: Desk, number: int, now: float) -> list[str]:
    """That call is answered; what follows."""
    return told(desk.finished(CallId(f"c{number}"), now, tokens=Tokens(50, 100)))


def test_until_it_is_known_how_long_they_take_no_queue_makes_a_second_load() -> None:
    desk = cold_and_asked_for(200)
    assert told(desk.first_byte(CallId("c0"), 10.0)) == [], "it is there, and full"
    assert end(desk, 0, 12.0) == ["c1 on n1"], "12 s with its load, which the others need not wait for"
    assert told(desk.expired(13.0)) == []
    assert any(word.endswith("on n2") for word in end(desk, 1, 72.0)), "a minute each: now it is known"


def test_where_calls_are_short_a_cold_model_is_loaded_once() -> None:
    desk = cold_and_asked_for(200)
    desk.first_byte(CallId("c0"), 10.0)
    went = [end(desk, number, 10.0 + 0.02 * (number + 1)) for number in range(200)]
    assert went == [*([f"c{number} on n1"] for number in range(1, 200)), []]


def test_memory_that_somebody_else_needs_again_counts() -> None:
    """Both nodes would have to evict a model; of one it is asked for all the time."""
    big, other = a_model("big", gib=10.0), a_model("other", gib=10.0)

    def full(name: str, resident: Any) -> Heartbeat:
        replica = replace(a_replica(resident.name), size_bytes=resident.size_bytes)
        beat = node(name, an_engine(big, resident, replicas=[replica]), memory_gib=16.0)
        return replace(beat, memory=replace(beat.memory, available_bytes=4 * GIB))

    desk = predicting(full("n1", other), full("n2", a_model("unused", gib=10.0)))
    for number in range(20):
        desk.arrived(a_call(f"o{number}", "other"), float(number))
        desk.finished(CallId(f"o{number}"), number + 0.5)
    assert told(desk.arrived(a_call("c1", "big"), 20.0)) == ["c1 on n2"]


def run_calls(
    desk: Desk, seconds_a_token: dict[str, float], count: int, now: float = 0.0, first: int = 0
) -> list[str]:
    """One call after another; where each went."""
    went = []
    for number in range(first, first + count):
        (placed,) = desk.arrived(a_call(f"r{number}"), now)
        assert isinstance(placed, Placed)
        place: Place = placed.placement.place
        went.append(str(place.node_id))
        desk.first_byte(CallId(f"r{number}"), now + 0.1)
        now += 0.1 + 100 * seconds_a_token[place.node_id]
        desk.finished(CallId(f"r{number}"), now, tokens=Tokens(50, 100))
    return went


def test_a_node_that_claims_too_much_is_found_out() -> None:
    desk = predicting(node("liar", with_loaded(), gbps=400.0), node("honest", with_loaded(), gbps=200.0))
    went = run_calls(desk, {"liar": 0.1, "honest": 0.02}, 30)
    assert went[0] == "liar"
    assert set(went[8:]) == {"honest"}


def test_a_node_whose_speed_halves_is_left_within_twenty_calls() -> None:
    desk = predicting(node("one", with_loaded(), gbps=200.0), node("other", with_loaded(), gbps=150.0))
    assert set(run_calls(desk, {"one": 0.012, "other": 0.018}, 60)[10:]) == {"one"}
    went = run_calls(desk, {"one": 0.024, "other": 0.018}, 40, now=10_000.0, first=60)
    assert "other" in went[:20], "it was found out"
    assert set(went[20:]) == {"other"}


def test_an_explanation_tells_what_was_learned_of_a_place_and_of_answers() -> None:
    desk = predicting(node("n1", with_loaded(), gbps=200.0), node("n2", with_loaded(), gbps=200.0))
    claimed = desk.explain(a_call(), 0.0).candidates[0].learned
    assert claimed is not None
    assert (claimed["answers_measured"], claimed["expected_answer_tokens"]) == (0, 200)
    run_calls(desk, {"n1": 0.02, "n2": 0.02}, 40)
    for candidate in desk.explain(a_call(), 1_000.0).candidates:
        assert candidate.learned is not None
        assert candidate.learned["answers_measured"] >= 8
        assert candidate.learned["answer_tokens_per_s"] == pytest.approx(50, rel=0.15)
        assert candidate.learned["expected_answer_tokens"] == 100


def test_the_score_is_the_weighted_total_and_the_seconds_stand_beside_it() -> None:
    desk = predicting(node("n1", with_loaded()), node("n2", an_engine(a_model())))
    (placed,) = desk.arrived(a_call("c1", estimated_tokens=100), 0.0)
    assert isinstance(placed, Placed)
    weighed = Desk(FAR, Weights(), now=0.0)
    for beat in (node("n1", with_loaded()), node("n2", an_engine(a_model()))):
        join(weighed, beat)
    (other,) = weighed.arrived(a_call("c1", estimated_tokens=100), 0.0)
    assert isinstance(other, Placed)
    assert placed.placement.scores == other.placement.scores
    told_of = placed.placement.decision.explanation()  # type: ignore[union-attr]
    assert told_of.policy == "predictive"
    seconds = [each.predicted_seconds for each in told_of.candidates]
    assert [bool(each) for each in seconds] == [True, False], "a load of seconds was not looked at"
    asked = desk.explain(a_call("c2", estimated_tokens=100), 0.0)
    seconds = [each.predicted_seconds for each in asked.candidates]
    for each in seconds:
        assert each is not None
        assert set(each) == {"wait", "load", "evict", "prefill", "decode", "harm", "owner", "total"}
        assert each["total"] == pytest.approx(sum(each.values()) - each["total"])
    assert [each.node_id for each in told_of.candidates] == ["n1", "n2"]
    assert seconds[1] is not None
    assert seconds[1]["load"] > 0


class PredictingLedger(Ledger):
    """Whether a call had better wait is the policy's to say; who would rather wait may be passed."""

    def check_nobody_waits_in_vain(self) -> None:
        seen: set[ModelName] = set()
        for name in self.held():
            call = self.books[name].call
            first = self.desk.holding.ordered_of(call.model)[0]
            if (
                call.model not in seen
                and first.call.id == name
                and not first.retries
                and not first.passed_over
            ):
                found = self.desk.explain(call, self.now)
                assert found.outcome == "waits", f"{name} waits, and would now go to {found.chosen}"
            seen.add(call.model)

    def _check_turn(self, chosen: Book, place: Place) -> Call:  # noqa: ARG002
        return chosen.call


class PredictingMachine(DeskMachine):
    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(LIMITS, Weights(), now=0.0, policy=POLICIES["predictive"])
        self.ledger = PredictingLedger(self.desk, LIMITS)


def test_the_desk_keeps_its_promises_under_predictive_too() -> None:
    run_state_machine_as_test(
        PredictingMachine,
        settings=settings(
            max_examples=200, stateful_step_count=50, deadline=None, derandomize=True, phases=[Phase.generate]
        ),
    )
