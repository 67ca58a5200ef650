"""The Desk under random events, with many failures at once on nodes that are all alike: budget, circuits, poison."""

from collections import Counter

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from coordinator.core.call import Decisions
from shared.errors import EngineBusy, FleetError, GatewayBroke, ModelGone, NodeFailure, StreamBroken
from shared.names import CallId
from shared.wire import Engine
from tests.coordinator.core.ledger import Book
from tests.coordinator.core.strategies import MODELS
from tests.coordinator.core.test_desk_properties import NODES, DeskMachine
from tests.fakes.builders import a_call, with_loaded

BROKEN = [NodeFailure("it failed"), StreamBroken("it failed"), GatewayBroke("it failed")]
OTHERS = [EngineBusy("full", retry_after=1), ModelGone("model not found")]
REACHED: Counter[str] = Counter()
"""What the storms have come to, so that this test cannot pass by seeing nothing."""


class StormMachine(DeskMachine):
    """All rules of the DeskMachine, and storms."""

    @initialize(slots=st.integers(1, 3))
    def all_are_there(self, slots: int) -> None:
        """Every node with every model in memory."""
        for name in NODES:
            self.joins_and_is_reached(name=name, engine=self._all(slots))

    @rule(name=st.sampled_from(NODES), slots=st.integers(1, 3))
    def is_well_again(self, name: str, slots: int) -> None:
        """A node that something has been done to is as it was."""
        self.joins_and_is_reached(name=name, engine=self._all(slots))
        self.is_ordered(which=sorted(self.beats).index(name), order="uncordon")

    @rule(
        count=st.integers(1, 8), errors=st.lists(st.sampled_from(BROKEN * 3 + OTHERS), min_size=1, max_size=3)
    )
    def a_storm(self, count: int, errors: list[FleetError]) -> None:
        """Calls arrive, and each fails wherever it is placed, as often as the Desk places it."""
        for _ in range(count):
            self.arrivals += 1
            arrival = a_call(f"c{self.arrivals}", MODELS[0])
            self.ledger.arrivals.append(self.ledger.now)
            self.ledger.turns.arrived(arrival, self.ledger.now)
            self.ledger.books[arrival.id] = Book(arrival, self.ledger.now)
            self.ledger.apply(self.desk.arrived(arrival, self.ledger.now))
            for turn in range(9):
                book = self.ledger.books.get(arrival.id)
                if book is None or book.place is None:
                    break
                self._falls(book, errors[turn % len(errors)])

    def _falls(self, book: Book, error: FleetError) -> None:
        refusable = self.ledger.budget_left() < 1
        decisions = self.desk.failed(book.call.id, error, self.ledger.now)
        self.ledger.fails(book, error, decisions)
        self._note(book.call.id, decisions, refusable=refusable)
        self.ledger.apply(decisions)

    def _note(self, call_id: CallId, decisions: Decisions, *, refusable: bool) -> None:
        own = next(each for each in decisions if each.call_id == call_id)
        code = getattr(getattr(own, "error", None), "code", "") or ""
        REACHED[type(own).__name__] += 1
        REACHED["over the budget"] += refusable
        REACHED["poison"] += code == "crashes_engines"
        REACHED["open"] += bool(self.desk.fleet.circuits.opened)

    def _all(self, slots: int) -> Engine:
        return with_loaded(*MODELS, slots=slots)


def test_the_desk_keeps_its_promises_in_storms() -> None:
    """The same examples in every run."""
    REACHED.clear()
    run_state_machine_as_test(
        StormMachine,
        settings=settings(
            max_examples=100,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            database=None,
            report_multiple_bugs=False,
            phases=[Phase.generate, Phase.shrink],
        ),
    )
    assert min(REACHED[what] for what in ("Placed", "Refused", "over the budget", "poison", "open")) >= 10, (
        REACHED
    )
