"""The Desk's choice among waiting calls under random arrivals and ends, against the order told a second time."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.core.call import Call, Decisions, Placed
from coordinator.core.limits import Limits
from shared.names import CallId
from tests.coordinator.core.turn_book import CLASSES, TurnBook
from tests.fakes.builders import a_beat, a_call, a_desk, with_loaded

LIMITS = Limits(beat_late_s=1e9, lease_s=1e9, hold_s=1e9, held_calls=10, held_calls_per_model=10)
ARRIVAL = st.tuples(
    st.just("arrives"),
    st.sampled_from("xxyz"),
    st.sampled_from(CLASSES),
    st.sampled_from("aaab"),
    st.sampled_from([0, 64_000]),
)
ALIKE = st.tuples(
    st.just("arrives"), st.sampled_from("xxyz"), st.just("batch"), st.just("a"), st.sampled_from([0, 64_000])
)
"""So that there are several of a class when one of them has aged."""
STEPS = st.lists(
    st.one_of(
        ARRIVAL,
        ARRIVAL,
        ALIKE,
        ALIKE,
        st.tuples(st.just("ends"), st.integers(0, 3)),
        st.tuples(st.just("ends"), st.integers(0, 3)),
        st.tuples(st.just("leaves"), st.integers(0, 9)),
        st.tuples(st.just("pause"), st.sampled_from([4.0, 6.0, 11.0])),
        st.tuples(st.just("pause"), st.sampled_from([6.0, 11.0, 21.0])),
    ),
    min_size=30,
    max_size=60,
)


class Told:
    """What the decisions say, checked one by one."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.desk = a_desk(a_beat("n1", with_loaded("a", "b", slots=slots)), limits=LIMITS)
        self.turns = TurnBook(LIMITS.ageing_s)
        self.now = 0.0
        self.held: dict[CallId, Call] = {}
        self.running: dict[CallId, Call] = {}

    def arrives(self, call: Call) -> None:
        self.turns.arrived(call, self.now)
        self.held[call.id] = call
        self.apply(self.desk.arrived(call, self.now))

    def apply(self, decisions: Decisions) -> None:
        for decision in decisions:
            call = self.held[decision.call_id]
            if isinstance(decision, Placed):
                rivals = [each for each in self.held.values() if each.model == call.model]
                leader, first = self.next(rivals)
                assert first is call
                self.running[call.id] = call
                self.turns.placed(call, call.model, leader.client)
                del self.held[call.id]

    def next(self, rivals: list[Call]) -> tuple[Call, Call]:
        return self.turns.next(rivals, [(each, each.model) for each in self.running.values()], self.now)

    def must_be_told_in_order(self) -> None:
        """The queue that people read agrees with whoever goes next; nobody is held beside a free place."""
        for model in {call.model for call in self.held.values()}:
            rivals = [call for call in self.held.values() if call.model == model]
            self.desk.expired(self.now)
            order = self.desk.holding.ordered_of(model)
            assert order[0].call is self.next(rivals)[1]
            assert {each.call.id for each in order} == {each.id for each in rivals}
            assert sum(call.model == model for call in self.running.values()) == self.slots


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(STEPS, st.integers(1, 2))
def test_whoever_goes_is_whose_turn_it_is(steps: list[tuple[object, ...]], slots: int) -> None:
    """Calls of two contexts, so that two lines want the same places."""
    told = Told(slots)
    for number, (verb, *values) in enumerate(steps):
        if verb == "arrives":
            if len(told.held) < LIMITS.held_calls:
                client, priority, model, context = map(str, values)
                call = a_call(f"c{number}", model, client=client, num_ctx=int(context))
                told.arrives(msgspec.structs.replace(call, priority=priority))
        elif verb == "pause":
            told.now += float(str(values[0]))
        else:
            pool = told.running if verb == "ends" else told.held
            if pool:
                call = pool.pop(sorted(pool)[int(str(values[0])) % len(pool)])
                end = told.desk.finished if verb == "ends" else told.desk.cancelled
                told.apply(end(call.id, told.now))
        told.must_be_told_in_order()
