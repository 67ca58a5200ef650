"""The index beside a walk over the whole fleet: whatever happened, both choose a place of equal points."""

import random

import msgspec
import pytest

from coordinator.core import context, eligibility
from coordinator.core.call import Call, Decisions, Placed, Placement
from coordinator.core.candidate import WARM_FOR_S, Candidate
from coordinator.core.candidates import Candidates
from coordinator.core.desk import Desk
from coordinator.core.explanation import Explanation
from coordinator.core.limits import Limits, Weights
from coordinator.core.open_call import OpenCall
from coordinator.core.policies import weighted
from coordinator.core.policies.scored import Scored
from shared.errors import NodeFailure
from shared.names import CallId, NodeId
from shared.wire import Engine, Hardware, Heartbeat, Model
from tests.fakes.builders import (
    GIB,
    a_beat,
    a_call,
    a_desk,
    a_model,
    a_replica,
    an_address,
    an_engine,
    join,
    with_loaded,
)

MODELS = ("a:latest", "b:latest", "c:latest")
LIMITS = Limits(held_calls=10_000, circuit_failures=2, retry_floor=1_000)


def _engine(chance: random.Random) -> Engine:
    names = [name for name in MODELS if chance.random() < 0.8]
    models = [
        Model(
            name=name,
            size_bytes=chance.choice([1, 8]) * GIB,
            kv_bytes_per_token=chance.choice([0, 50_000, 200_000]),
            abilities=chance.choice([frozenset(), frozenset({"chat"})]),
        )
        for name in names
    ]
    replicas = [
        msgspec.structs.replace(
            a_replica(name, slots=chance.randint(1, 3), context=chance.choice([None, 2_048, 8_192])),
            size_bytes=chance.choice([0, 9, 10, 20]) * GIB,
        )
        for name in names
        if chance.random() < 0.5
    ]
    made = an_engine(*models, replicas=replicas, slots=chance.randint(1, 2))
    return msgspec.structs.replace(made, restricted=chance.choice(["", "", "", "cost", "batch"]))


class Town:
    """A Desk with random events."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = 0.0
        self.desk = Desk(LIMITS, Weights(), now=0.0)
        self.beats: dict[str, Heartbeat] = {}
        self.running: list[str] = []
        self.calls = self.compared = self.troubled = self.kept_away = 0

    def step(self) -> None:
        """One event."""
        events = [self.beat, self.call, self.end, self.fail, self.order, self.wait]
        self.chance.choices(events, [2, 3, 2, 1, 1, 1])[0]()

    def beat(self) -> None:
        name = f"n{self.chance.randint(1, 6)}"
        before = self.beats.get(name)
        again = before is not None and self.chance.random() < 0.5
        beat = a_beat(
            name,
            *(before.engines if before and again else [_engine(self.chance)]),
            seq=before.seq + 1 if before else 1,
            memory_gib=self.chance.choice([4.0, 16.0, 64.0]),
            hardware=Hardware(memory_bandwidth_gbps=self.chance.choice([0.0, 100.0, 400.0])),
            draining=self.chance.random() < 0.05,
        )
        self.beats[name] = beat
        self._apply(self.desk.heard(beat, an_address(name), self.now))
        if self.chance.random() < 0.9:
            self._apply(self.desk.reached(NodeId(name), self.now))

    def call(self) -> None:
        self.calls += 1
        call = a_call(
            f"c{self.calls}",
            self.chance.choice(MODELS),
            estimated_tokens=self.chance.choice([0, 500, 3_000]),
            num_ctx=self.chance.choice([None, 4_096, 32_768, 65_536]),
            abilities=self.chance.choice([(), (), ("tools",)]),
        )
        allows = self.chance.choice([(), (), ("cost",), ("restricted",)])
        call = msgspec.structs.replace(call, allows=frozenset[str](allows))
        self.check(call)
        self._apply(self.desk.arrived(call, self.now))

    def end(self) -> None:
        if self.running:
            call_id = self.running.pop(self.chance.randrange(len(self.running)))
            end = self.desk.cancelled if self.chance.random() < 0.3 else self.desk.finished
            self._apply(end(call_id, self.now))  # type: ignore[arg-type]

    def fail(self) -> None:
        if self.running:
            call_id = self.running.pop(self.chance.randrange(len(self.running)))
            self._apply(self.desk.failed(call_id, NodeFailure("it failed"), self.now))  # type: ignore[arg-type]

    def order(self) -> None:
        if self.beats:
            name = self.chance.choice(sorted(self.beats))
            self._apply(self.desk.cordoned(NodeId(name), self.now, on=self.chance.random() < 0.3))

    def wait(self) -> None:
        self.now += self.chance.choice([0.5, 5.0, 14.0, 16.0])
        self._apply(self.desk.expired(self.now))

    def check(self, call: Call) -> None:
        """Asked now, the Desk names a place that is as good as the best of a walk over the fleet."""
        explained = self.desk.explain(call, self.now)
        best = self._walk(call)
        if not best:
            self._check_left(call, explained)
            return
        if not best[0].candidate.loaded and self._worth_waiting(call):
            return
        self.compared += 1
        chosen = next(each for each in best if each.candidate.place.node_id == explained.chosen)
        assert abs(chosen.total - best[0].total) < 1e-9, (chosen, best[0])
        stored = next(each for each in explained.candidates if each.node_id == explained.chosen)
        assert stored.scores_breakdown == pytest.approx(chosen.scores, abs=1e-9)

    def _check_left(self, call: Call, explained: Explanation) -> None:
        """No healthy place has room: what is left is taken where no healthy one is full, or at the last chance."""
        usable = self._usable(call)
        healthy = [] if self._all_barred(usable) else [each for each in usable if not each.troubled]
        if not any(each.has_room for each in healthy):
            last = self.desk._scorer.decide(OpenCall(call, 0, self.now), self.now, last_chance=True)
            self._is_best(self._best_left(usable, call), last.placement if isinstance(last, Placed) else None)
        if healthy:
            assert explained.chosen is None
            return
        best = self._best_left(context.preferred(usable, call), call)
        assert explained.outcome == ("placed" if best else "waits" if usable else explained.outcome)
        (decision,) = self.desk.arrived(call, self.now) if best else (None,)
        self._is_best(best, decision.placement if isinstance(decision, Placed) else None)
        if best:
            self.desk.cancelled(call.id, self.now)
            self.troubled += 1
            self.kept_away += self._all_barred(usable)

    def _best_left(self, usable: list[Candidate], call: Call) -> Scored | None:
        with_room = context.preferred([each for each in usable if each.has_room], call)
        return weighted.order(with_room, call, Weights())[0] if with_room else None

    def _is_best(self, best: Scored | None, placement: Placement | None) -> None:
        assert (best is None) == (placement is None)
        if best and placement:
            assert placement.place == best.candidate.place
            assert placement.scores == pytest.approx(best.scores, abs=1e-9)

    def _all_barred(self, usable: list[Candidate]) -> bool:
        return all(self.desk.fleet.circuits.bars(each.place, self.now) for each in usable)

    def _worth_waiting(self, call: Call) -> bool:
        """The model is on its way into memory, or loaded at a busy place: other rules than points may hold."""
        busy = [each for each in self._usable(call) if each.loaded and not each.has_room]
        return bool(busy) or self.desk.loads.loading(call.model) is not None

    def _walk(self, call: Call) -> list[Scored]:
        usable = self._usable(call)
        healthy = [] if self._all_barred(usable) else [each for each in usable if not each.troubled]
        open_ones = [each for each in context.preferred(healthy, call) if each.has_room]
        return weighted.order(open_ones, call, Weights())

    def _usable(self, call: Call) -> list[Candidate]:
        candidates = []
        for node, spot in self.desk.fleet.having(call.model):
            standing = node.standing(self.now, LIMITS)
            if eligibility.refusal(node, standing, spot, call) is None:
                candidates.append(Candidates(self.desk.fleet).of(node, standing, spot, call.model, self.now))
        barred = [each for each in candidates if self.desk.fleet.circuits.bars(each.place, self.now)]
        return [each for each in candidates if each not in barred] or candidates

    def _apply(self, decisions: Decisions) -> None:
        self.running += [each.call_id for each in decisions if isinstance(each, Placed)]


def test_the_index_finds_what_a_walk_would_find() -> None:
    towns = [Town(seed) for seed in range(60)]
    for town in towns:
        for _ in range(120):
            town.step()
    assert sum(town.compared for town in towns) > 300
    assert sum(town.troubled for town in towns) > 200
    assert sum(town.kept_away for town in towns) > 10


def test_what_was_in_memory_half_an_hour_ago_is_forgotten_between_two_beats() -> None:
    loaded, cold = with_loaded(), an_engine(a_model())
    desk = a_desk(a_beat("n1", loaded))
    desk.heard(a_beat("n1", cold, seq=2), an_address("n1"), 10.0)
    for seq, now in enumerate(range(15, 1_810, 5), start=3):
        desk.heard(a_beat("n1", cold, seq=seq), an_address("n1"), float(now))
    told = [
        desk.arrived(a_call("c1"), 1_809.0),
        desk.cancelled(CallId("c1"), 1_809.5),
        desk.arrived(a_call("c2"), 1_811.0),
    ]
    points = [each.placement.scores["thermal"] for step in told for each in step if isinstance(each, Placed)]
    assert points == [30.0, 10.0]


def test_a_load_that_no_beat_shows_is_believed_for_seconds_only() -> None:
    cold = an_engine(a_model())
    desk = a_desk(a_beat("n1", cold), limits=Limits(beat_late_s=60.0, lease_s=60.0))
    desk.arrived(a_call("c1"), 0.0)
    desk.finished(CallId("c1"), 1.0)
    points = []
    for now in (15.9, 16.1):
        (placed,) = desk.arrived(a_call("c3"), now)
        assert isinstance(placed, Placed)
        points.append(placed.placement.scores["thermal"])
        desk.cancelled(CallId("c3"), now)
    assert points == [50.0, 10.0]


def test_no_rounding_of_that_half_hour_holds_up_a_decision() -> None:
    """Here it is over by one sum and not yet by another: times of a clock are no round numbers."""
    left, now = 249.0 + 2.3e-13, 2_049.0
    assert now - left < WARM_FOR_S
    assert left + WARM_FOR_S <= now or now + (WARM_FOR_S - (now - left)) <= now
    desk = a_desk(a_beat("n1", with_loaded()))
    desk.heard(a_beat("n1", an_engine(a_model()), seq=2), an_address("n1"), left)
    for seq, at in enumerate((1_000.0, 2_040.0, now), start=3):
        join(desk, a_beat("n1", an_engine(a_model()), seq=seq), at)
    assert isinstance(desk.arrived(a_call("c1"), now)[0], Placed)


def test_a_question_leaves_the_order_as_it_was() -> None:
    desk = a_desk(*(a_beat(f"n{number}", an_engine(a_model(gib=number))) for number in range(1, 9)))
    call = a_call(num_ctx=4_096)
    first = desk.explain(call, 1.0)
    assert [desk.explain(call, 1.0) for _ in range(5)] == [first] * 5
