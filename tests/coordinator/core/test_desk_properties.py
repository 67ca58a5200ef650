"""The real Desk under random events; the Ledger beside it says what must hold after each."""

import msgspec
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from coordinator.core import retry
from coordinator.core.call import Call, Refused
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits, Weights
from coordinator.core.node import NotReached
from shared.errors import CallerFault, FleetError
from shared.names import CallId, NodeId
from shared.wire import Engine, Heartbeat
from tests.coordinator.core.ledger import ROOM_BYTES, Book, Ledger
from tests.coordinator.core.strategies import CALLS, ERRORS, engines
from tests.fakes.builders import GIB, a_beat, an_address

LIMITS = Limits(held_calls=3, retries=2, stale_s=60.0, retry_floor=1, retry_share=0.2, circuit_failures=2)
NODES = ("n1", "n2", "n3")
WHICH = st.integers(0, 7)
STEPS_S = (0.0, 0.25, 1.0, 4.0, 11.0, 16.0, 31.0, 61.0)


class DeskMachine(RuleBasedStateMachine):
    """Rules are the events that the shell tells the Desk of."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(LIMITS, Weights(), now=0.0)
        self.ledger = Ledger(self.desk, LIMITS)
        self.beats: dict[str, Heartbeat] = {}
        self.probes: list[tuple[NodeId, str]] = []
        self.arrivals = self.completed = 0

    @initialize(engine=engines(), count=st.integers(0, 3))
    def some_are_there(self, engine: Engine, count: int) -> None:
        for name in NODES[:count]:
            self.joins_and_is_reached(name=name, engine=engine)

    # Nodes

    @rule(name=st.sampled_from(NODES), engine=engines(), draining=st.sampled_from([False, False, True]))
    def beats_with(self, name: str, engine: Engine, draining: bool) -> None:
        self._hear(name, engine, draining=draining)

    @rule(name=st.sampled_from(NODES), engine=engines())
    def joins_and_is_reached(self, name: str, engine: Engine) -> None:
        self._hear(name, engine)
        self.ledger.apply(self.desk.reached(NodeId(name), self.ledger.now))

    @precondition(lambda self: self.beats)
    @rule(which=WHICH, change=st.sampled_from(["leave", "move", "restart"]))
    def changes(self, which: int, change: str) -> None:
        name = self._known(which)
        if change == "move":
            self.ledger.addresses[name] += "0"
        engines_now = self.beats[name].engines
        self._hear(name, *engines_now, leaving=change == "leave", restart=change == "restart")

    @precondition(lambda self: self.beats)
    @rule(which=WHICH)
    def beats_out_of_date(self, which: int) -> None:
        name = self._known(which)
        with pytest.raises(CallerFault):
            self.desk.heard(self.beats[name], "http://elsewhere", self.ledger.now)
        assert self.desk.fleet.nodes[NodeId(name)].address == self.ledger.addresses[name]

    @precondition(lambda self: self.beats)
    @rule(which=WHICH, order=st.sampled_from(["uncordon", "cordon", 0.0, 5.0, 60.0]))
    def is_ordered(self, which: int, order: str | float) -> None:
        self.ledger.order(self._known(which), order)

    @rule()
    def probes_begin(self) -> None:
        due = self.desk.due_probes(self.ledger.now)
        self.probes += [(name, self.ledger.addresses[name]) for name in due]

    @precondition(lambda self: self.probes)
    @rule(which=WHICH, good=st.booleans())
    def a_probe_ends(self, which: int, good: bool) -> None:
        name, address = self.probes.pop(which % len(self.probes))
        if address != self.ledger.addresses[name]:
            return  # as the shell does: it is about somewhere else
        if good:
            self.ledger.apply(self.desk.reached(name, self.ledger.now))
        else:
            self.desk.not_reached(name, NotReached("connection refused"))

    # Calls

    @rule(call=CALLS, copies=st.integers(1, 3))
    def arrives(self, call: Call, copies: int) -> None:
        for _ in range(copies):
            self.arrivals += 1
            arrival = msgspec.structs.replace(call, id=CallId(f"c{self.arrivals}"))
            self.ledger.arrivals.append(self.ledger.now)
            self.ledger.turns.arrived(arrival, self.ledger.now)
            self.ledger.books[arrival.id] = Book(arrival, self.ledger.now)
            self.ledger.apply(self.desk.arrived(arrival, self.ledger.now))

    @precondition(lambda self: self.ledger.placed())
    @rule(which=WHICH, first=st.booleans())
    def shows_bytes(self, which: int, first: bool) -> None:
        call_id = self._placed(which)
        book = self.ledger.books[call_id]
        book.progress_at = self.ledger.now
        book.first_byte |= first
        tell = self.desk.first_byte if first else self.desk.progressed
        self.ledger.apply(tell(call_id, self.ledger.now) or [])

    @precondition(lambda self: self.ledger.placed())
    @rule(which=WHICH, good=st.booleans())
    def finishes(self, which: int, good: bool) -> None:
        call_id = self._placed(which)
        del self.ledger.books[call_id]
        self.completed += good
        self.ledger.apply(self.desk.finished(call_id, self.ledger.now, good=good))

    @precondition(lambda self: self.ledger.placed())
    @rule(which=WHICH, error=ERRORS)
    def fails(self, which: int, error: FleetError) -> None:
        call_id = self._placed(which)
        book = self.ledger.books[call_id]
        asked = retry.is_attempt(error)
        may_retry = error.elsewhere and not book.first_byte
        may_retry &= not asked or (book.retries < LIMITS.retries and self.ledger.budget_left() >= 1)
        may_retry &= book.crashes + retry.may_be_a_crash(error) < 2
        decisions = self.desk.failed(call_id, error, self.ledger.now)
        own = [each for each in decisions if each.call_id == call_id]
        assert own, "the failed call heard nothing"
        assert may_retry or [type(each) for each in own] == [Refused]
        self.ledger.fails(book, error, decisions)
        stands = [each.error for each in own if isinstance(each, Refused)]
        assert all(each is error or (book.crashes == 2 and each.code == "crashes_engines") for each in stands)
        self.ledger.apply(decisions)

    @precondition(lambda self: self.ledger.books)
    @rule(which=WHICH)
    def is_cancelled(self, which: int) -> None:
        names = sorted(self.ledger.books)
        call_id = names[which % len(names)]
        del self.ledger.books[call_id]
        self.ledger.apply(self.desk.cancelled(call_id, self.ledger.now))

    @rule(number=st.integers(1, 12), error=ERRORS)
    def an_ended_call_is_told_of_again(self, number: int, error: FleetError) -> None:
        call_id = CallId(f"c{number}")
        if call_id not in self.ledger.books:
            assert self.desk.finished(call_id, self.ledger.now) == []
            assert self.desk.failed(call_id, error, self.ledger.now) == []
            assert self.desk.cancelled(call_id, self.ledger.now) == []

    # Time

    @rule(seconds=st.sampled_from(STEPS_S), beating=st.booleans())
    def time_passes(self, seconds: float, beating: bool) -> None:
        self.ledger.now += seconds
        for name, beat in self.beats.items() if beating else ():
            if not beat.leaving:
                self._hear(name, *beat.engines, draining=beat.draining)
        self.ledger.apply(self.desk.expired(self.ledger.now), settled=False)
        self.ledger.check_deadlines()

    # What must hold

    @invariant()
    def every_place_counts_its_calls(self) -> None:
        self.ledger.check_counts()
        assert self.desk.completed == self.completed

    @invariant()
    def a_call_is_held_or_placed_or_over(self) -> None:
        self.ledger.check_states()

    @invariant()
    def no_more_wait_than_may(self) -> None:
        self.ledger.check_limit()

    @invariant()
    def nobody_waits_for_a_place_that_is_free(self) -> None:
        self.ledger.check_nobody_waits_in_vain()

    @invariant()
    def who_is_not_reached_is_tried_again(self) -> None:
        self.ledger.check_probes()

    def teardown(self) -> None:
        """When the last call has ended, nothing is left of any."""
        while self.ledger.books:
            call_id, book = self.ledger.books.popitem()
            end = self.desk.finished if book.place else self.desk.cancelled
            self.ledger.apply(end(call_id, self.ledger.now))
            self.ledger.check_counts()
            self.ledger.check_states()
        assert self.desk.open_calls() == []
        assert len(self.desk.holding) == 0
        assert self.desk.holding.counts() == {}
        assert not any(node.in_flight for node in self.desk.fleet.nodes.values())

    # Inside

    def _known(self, which: int) -> str:
        return sorted(self.beats)[which % len(self.beats)]

    def _placed(self, which: int) -> CallId:
        names = self.ledger.placed()
        return names[which % len(names)]

    def _hear(
        self,
        name: str,
        *running: Engine,
        draining: bool = False,
        leaving: bool = False,
        restart: bool = False,
    ) -> None:
        known = self.beats.get(name)
        beat = a_beat(
            name,
            *running,
            seq=known.seq + 1 if known else 1,
            epoch=known.epoch + restart if known else 1,
            memory_gib=ROOM_BYTES / GIB,
            draining=draining,
            leaving=leaving,
        )
        self.beats[name] = beat
        address = self.ledger.addresses.setdefault(name, an_address(name))
        self.ledger.apply(self.desk.heard(beat, address, self.ledger.now))


def test_the_desk_keeps_its_promises() -> None:
    """The same examples in every run; for new ones, set `derandomize=False`."""
    run_state_machine_as_test(
        DeskMachine,
        settings=settings(
            max_examples=400,
            stateful_step_count=50,
            deadline=None,
            derandomize=True,
            database=None,
            report_multiple_bugs=False,
            phases=[Phase.generate, Phase.shrink],
        ),
    )
