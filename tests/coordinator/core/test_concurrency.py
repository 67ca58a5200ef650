"""What is learned of an engine that does not tell: against simulated engines with a true number of slots."""

import random
from collections import deque

import msgspec
import pytest

from coordinator.core.call import Place
from coordinator.core.concurrency import MOST, PAUSE_S, Foreign, Slots, most_for
from coordinator.core.limits import Limits
from shared.errors import EngineBusy
from shared.names import CallId, NodeId, normalise
from shared.wire import Capacity, Engine, Heartbeat, Replica
from tests.fakes.builders import MODEL, a_beat, a_call, a_desk, a_model, an_address, an_engine, told

GB = 2**30
HERE = Place(NodeId("n1"), "ollama", normalise("m"))
MODELS = (HERE.model,)
FIRST_S = 0.1
ENOUGH = 20
"""Calls within which it is found."""


@pytest.mark.parametrize(
    ("available", "loaded", "slots"),
    [(8, 5, 1), (10, 5, 2), (24, 5, 8), (50, 40, 5), (64, 0, 8), (5, 8, 1)],
)
def test_the_reference_table_of_memory(available: int, loaded: int, slots: int) -> None:
    assert most_for(available * GB, loaded * GB) == slots


class Simulated:
    """An engine with `true` slots: what is beyond waits inside it, in order. Callers always wait for it."""

    def __init__(self, true: int, seed: int, slots: Slots | None = None, refuses: bool = False) -> None:
        self.true = true
        self.refuses = refuses
        self.slots = slots or Slots()
        self.random = random.Random(seed)
        self.now = 0.0
        self.number = 0
        self.queue: deque[str] = deque()
        self.running: dict[str, list[float]] = {}
        """Until when: the first byte (0 once it came), and the end."""
        self.most_sent = 0

    def limit(self, most: int = MOST) -> int:
        self.slots.wanted(MODELS, self.now)
        return self.slots.of(HERE, 1, most)

    def proven(self) -> int:
        return self.slots.proven(HERE, 1)

    def run(self, calls: int, most: int = MOST) -> None:
        """Until so many have been sent."""
        end = self.number + calls
        while self.number < end:
            while len(self.running) + len(self.queue) < self.limit(most) and self.number < end:
                self._send()
            self._step()

    def _send(self) -> None:
        self.number += 1
        name = f"c{self.number}"
        sent = len(self.running) + len(self.queue) + 1
        self.most_sent = max(self.most_sent, sent)
        self.slots.started(CallId(name), HERE, 1, sent, self.now)
        if len(self.running) >= self.true and self.refuses:
            self.slots.busy(CallId(name), self.now)
            self.slots.ended(CallId(name))
            return
        self.queue.append(name)
        self._begin()

    def _begin(self) -> None:
        while self.queue and len(self.running) < self.true:
            first = FIRST_S * self.random.uniform(0.8, 1.3)
            lasts = first + self.random.uniform(2.0, 8.0)
            self.running[self.queue.popleft()] = [self.now + first, self.now + lasts]

    def _step(self) -> None:
        at, name = min((times[0] or times[1], name) for name, times in self.running.items())
        self.now = at
        times = self.running[name]
        if times[0]:
            times[0] = 0.0
            self.slots.first_byte(CallId(name), self.now)
        else:
            del self.running[name]
            self.slots.ended(CallId(name))
            self._begin()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("true", range(1, 9))
def test_it_finds_the_true_number_within_a_few_calls_and_never_sends_two_more(true: int, seed: int) -> None:
    engine = Simulated(true, seed)
    while engine.proven() < true and engine.number < ENOUGH:
        engine.run(1)
    print(f"{true} slots proven after {engine.number} calls")  # noqa: T201 - a figure, shown by -s
    engine.run(ENOUGH)
    assert engine.proven() == true
    assert engine.most_sent <= true + 1
    engine.run(2_000)
    assert engine.proven() == true
    assert engine.most_sent <= true + 1


@pytest.mark.parametrize("true", range(1, 9))
def test_an_engine_that_refuses_is_believed_at_once(true: int) -> None:
    engine = Simulated(true, 1, refuses=True)
    engine.run(200)
    assert engine.proven() == true
    assert engine.most_sent <= true + 1


def test_an_engine_that_can_do_less_than_before_is_sent_less() -> None:
    engine = Simulated(6, 3)
    engine.run(120)
    assert engine.proven() == 6
    engine.true = 2
    engine.run(120)
    assert engine.proven() == 2
    engine.true = 6
    engine.run(3_000)
    assert engine.proven() == 6


def test_trials_that_fail_become_rare() -> None:
    engine = Simulated(1, 4)
    engine.run(20)
    trials = 0
    for _ in range(1_000):
        before = engine.now
        engine.run(1)
        trials += engine.limit() > 1
        assert engine.now >= before
    assert engine.now > 60 * PAUSE_S
    assert trials < 1_000 / 20


def test_memory_bounds_it() -> None:
    engine = Simulated(8, 5)
    engine.run(200, most=3)
    assert engine.proven() == 3
    assert engine.most_sent == 3
    assert engine.slots.of(HERE, 1, 2) == 2, "there is less memory now"


def test_a_trial_is_for_those_who_wait_and_for_one_of_them() -> None:
    slots = Slots()
    assert slots.wanted(MODELS, 0.0) == [], "a place that has not run one call yet"
    assert slots.started(CallId("a"), HERE, 1, 1, 0.0) == []
    slots.first_byte(CallId("a"), FIRST_S)
    assert slots.of(HERE, 1, 8) == 1
    assert slots.wanted(MODELS, 2.0) == [HERE]
    assert slots.wanted(MODELS, 3.0) == [], "that is known"
    assert (slots.of(HERE, 1, 8), slots.proven(HERE, 1)) == (2, 1)
    assert slots.started(CallId("b"), HERE, 1, 2, 4.0) == [HERE]
    assert slots.of(HERE, 1, 8) == 1
    assert slots.first_byte(CallId("b"), 4.0 + FIRST_S) == [HERE]
    assert (slots.of(HERE, 1, 8), slots.proven(HERE, 1)) == (2, 2)


def test_what_ends_without_an_answer_teaches_nothing() -> None:
    slots = Slots()
    for number in range(10):
        slots.started(CallId(f"c{number}"), HERE, 1, 2, 0.0)
        slots.ended(CallId(f"c{number}"))
        slots.first_byte(CallId(f"c{number}"), 1.0)
    assert slots.of(HERE, 1, 8) == 1


def test_side_by_side_but_very_late_is_no_gain() -> None:
    slots = Slots()
    slots.started(CallId("a"), HERE, 1, 1, 0.0)
    slots.first_byte(CallId("a"), 0.5)
    slots.started(CallId("b"), HERE, 1, 2, 1.0)
    slots.first_byte(CallId("b"), 30.0)
    assert slots.wanted(MODELS, 30.0) == []
    assert slots.of(HERE, 1, 8) == 1


def test_a_place_that_is_gone_is_forgotten() -> None:
    engine = Simulated(4, 6)
    engine.run(100)
    assert engine.proven() == 4
    engine.slots.forget(HERE.node_id)
    assert engine.slots.of(HERE, 1, 8) == 1


def test_foreign_calls_are_what_exceeds_the_most_of_ours() -> None:
    foreign = Foreign()
    foreign.heard(HERE, busy=2, running=0)
    assert foreign.of(HERE) == 2
    foreign.took(HERE, 1)
    foreign.took(HERE, 2)
    foreign.took(HERE, 1)
    foreign.heard(HERE, busy=2, running=0)
    assert foreign.of(HERE) == 0, "both may have been ours, when the engine was asked"
    foreign.heard(HERE, busy=3, running=0)
    assert foreign.of(HERE) == 1, "so may they with a beat that took long"
    foreign.heard(HERE, busy=3, running=0)
    assert foreign.of(HERE) == 3
    foreign.heard(HERE, busy=0, running=0)
    assert foreign.of(HERE) == 0


# Through the Desk


def silent(slots: int = 1, gib: float = 2.0) -> Engine:
    """An engine with MODEL in memory that does not tell what it can do at once."""
    return msgspec.structs.replace(
        an_engine(
            a_model(gib=gib), replicas=[Replica(model=MODEL, size_bytes=int(gib * GB), slots_total=slots)]
        ),
        slots_known=False,
        slots_per_model=slots,
    )


def test_one_more_is_sent_where_calls_wait_and_the_engine_can_do_it() -> None:
    desk = a_desk(a_beat("n1", silent()))
    assert told(desk.arrived(a_call("c1"), 1.0)) == ["c1 on n1"]
    desk.first_byte(CallId("c1"), 1.1)
    assert told(desk.arrived(a_call("c2"), 2.0)) == ["c2 held", "c2 on n1"], "a trial"
    assert told(desk.arrived(a_call("c3"), 2.6)) == ["c3 held"]
    assert told(desk.expired(2.75)) == told(desk.expired(3.0)) == [], "one trial at a time"
    assert told(desk.first_byte(CallId("c2"), 3.1)) == ["c3 on n1"], "two are proven, a third is tried"


def test_a_refusal_of_the_engine_is_no_proof() -> None:
    desk = a_desk(a_beat("n1", silent()))
    for number in (1, 2):
        desk.arrived(a_call(f"c{number}"), 1.0)
        desk.first_byte(CallId(f"c{number}"), 1.1, good=False)
    desk.first_byte(CallId("c2"), 1.6, good=False)
    desk.finished(CallId("c2"), 1.6, good=False)
    place = HERE._replace(model=normalise(MODEL))
    spot = desk.fleet.nodes[place.node_id].spot(place.engine, place.model)
    assert spot is not None
    assert desk.fleet.seats.proven(place, spot) == 1
    assert desk.fleet.affinity.preferred(msgspec.structs.replace(a_call(), session="s"), 1.6) == {}


def test_an_engine_that_is_full_is_sent_less_at_once() -> None:
    desk = a_desk(a_beat("n1", silent(slots=3)), limits=Limits(retries=0))
    for number in (1, 2, 3):
        desk.arrived(a_call(f"c{number}"), 1.0)
    assert told(desk.failed(CallId("c3"), EngineBusy("full", retry_after=1), 2.0)) == ["c3 refused 503"]
    assert told(desk.arrived(a_call("c4"), 9.0)) == ["c4 held"]
    desk.finished(CallId("c1"), 10.0)
    assert told(desk.arrived(a_call("c5"), 11.0)) == ["c5 held"], "two at once, by now"


def test_memory_and_the_owners_ceiling_bound_what_is_tried() -> None:
    tight = a_beat("n1", silent(gib=6.0), memory_gib=3.0)
    owned = msgspec.structs.replace(a_beat("n2", silent()), capacity=Capacity(ceiling_bytes=5 * GB))
    for beat in (tight, owned):
        desk = a_desk(beat)
        desk.arrived(a_call("c1"), 1.0)
        desk.first_byte(CallId("c1"), 1.1)
        desk.arrived(a_call("c2"), 2.0)
        for tick in range(1, 20):
            assert told(desk.expired(2.0 + tick / 4)) == []


def test_calls_of_others_take_room() -> None:
    def beat(seq: int, busy: int) -> Heartbeat:
        replica = Replica(model=MODEL, slots_total=2, slots_busy=busy)
        return a_beat("n1", an_engine(a_model(), replicas=[replica]), seq=seq)

    desk = a_desk(beat(1, busy=1))
    assert told(desk.arrived(a_call("c1"), 1.0)) == ["c1 on n1"]
    assert told(desk.arrived(a_call("c2"), 1.0)) == ["c2 held"]
    assert told(desk.heard(beat(2, busy=1), an_address("n1"), 2.0)) == ["c2 on n1"], "that one is ours"
    desk.heard(beat(3, busy=2), an_address("n1"), 3.0)
    desk.finished(CallId("c1"), 3.5)
    assert told(desk.arrived(a_call("c3"), 3.5)) == ["c3 on n1"], "both were ours"
