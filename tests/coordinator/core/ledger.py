"""A plain book of calls beside the Desk: learns from events and decisions alone, and says what must hold. (Which models
are being loaded, it reads.)"""

import math
from collections import Counter

from coordinator.core import retry
from coordinator.core.budget import WINDOW_S
from coordinator.core.call import Call, Decisions, Freed, Held, Moved, Place, Placed, Refused
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.core.node import Node
from coordinator.core.spots import Spot
from shared.errors import FleetError
from shared.names import CallId, ModelName, NodeId
from tests.coordinator.core.turn_book import TurnBook, in_line

ROOM_BYTES = 16 * 2**30
"""Memory of every node here; a model of more must be loaded already."""


class Book:
    """What is known of one call."""

    def __init__(self, call: Call, now: float) -> None:
        self.call = call
        self.waits_since = self.progress_at = now
        self.place: Place | None = None
        self.held = False
        self.first_byte = False
        self.failed_on: set[NodeId] = set()
        self.passed_over: set[Place] = set()
        self.retries = self.crashes = 0

    def failed(self, error: FleetError) -> None:
        """Its attempt is over; what follows is a decision of its own."""
        assert self.place is not None
        if retry.only_this_place(error):
            self.passed_over.add(self.place)
        else:
            self.failed_on.add(self.place.node_id)
        self.retries += retry.is_attempt(error)
        self.crashes += retry.may_be_a_crash(error)
        self.place = None

    def may_try(self, place: Place) -> bool:
        """Whether it has not failed there."""
        return place.node_id not in self.failed_on and place not in self.passed_over


class Ledger:
    """Open calls are in `books`; who is not in there has ended and must not be heard of again."""

    def __init__(self, desk: Desk, limits: Limits) -> None:
        self.desk = desk
        self.limits = limits
        self.books: dict[CallId, Book] = {}
        self.turns = TurnBook(limits.ageing_s)
        self.addresses: dict[str, str] = {}
        self.drains: dict[str, float] = {}
        """Deadlines by node."""
        self.now = 0.0
        self.arrivals: list[float] = []
        self.retries: list[float] = []

    def held(self) -> list[CallId]:
        """Calls that wait."""
        return sorted(name for name, book in self.books.items() if book.place is None)

    def placed(self) -> list[CallId]:
        """Calls that run."""
        return sorted(name for name, book in self.books.items() if book.place is not None)

    def apply(self, decisions: Decisions, *, settled: bool = True) -> None:
        """`settled`: the healthy places did not change between these decisions."""
        for decision in decisions:
            book = self.books.get(decision.call_id)
            assert book is not None, f"{decision} is about a call that has ended"
            if isinstance(decision, Placed):
                self._check_placement(book, decision, settled=settled)
                leader = book.call
                if book.held and settled:
                    leader = self._check_turn(book, decision.placement.place)
                book.place, book.progress_at, book.held = decision.placement.place, self.now, False
                self.turns.placed(book.call, book.place.model, leader.client)
            elif isinstance(decision, Held):
                assert book.place is None
                book.waits_since, book.held = self.now, True
            elif isinstance(decision, Moved):
                self._check_lost(book)
                self._begins_again(book, decision.error)
                book.failed(decision.error)
            else:
                self._check_end(book, decision)
                del self.books[decision.call_id]
        for place in [each.placement.place for each in decisions if isinstance(each, Placed)]:
            spot = next(spot for each, _, spot in self._places(place.model) if each == place)
            assert self._in_flight(place) <= spot.slots, f"too many calls at {place}"

    def fails(self, book: Book, error: FleetError, decisions: Decisions) -> None:
        """The Desk has been told of it, and said this."""
        book.failed(error)
        if not isinstance(next(each for each in decisions if each.call_id == book.call.id), Refused):
            self._begins_again(book, error)

    def _begins_again(self, book: Book, error: FleetError) -> None:
        assert book.crashes < 2, f"{book.call.id} has broken two engines"
        if retry.is_attempt(error):
            self.retries.append(self.now)
            assert self.budget_left() >= 0, "more retries than the budget has"

    def budget_left(self) -> float:
        """Retries that may still begin now, counted from the whole past."""
        calls = sum(at > self.now - WINDOW_S for at in self.arrivals)
        spent = sum(at > self.now - WINDOW_S for at in self.retries)
        return max(self.limits.retry_floor, self.limits.retry_share * calls) - spent

    def _check_placement(self, book: Book, decision: Placed, *, settled: bool) -> None:
        placement = decision.placement
        place = placement.place
        assert book.place is None, f"{book.call.id} is placed already"
        assert book.may_try(place), f"{book.call.id} goes back to {place}"
        assert placement.retries == book.retries <= self.limits.retries
        assert placement.fallback == (place.model != book.call.model)
        assert placement.target.gateway == self.addresses[place.node_id]
        options = [each for each, _ in self.usable(book, place.model)]
        probes = (
            self.desk.fleet.circuits.state(place, self.now) == "half-open"
        )  # it bars the place from here on
        assert place in options or probes, f"{place} is not for {book.call.id}"
        if settled and not self._healthy(place):
            assert not any(map(self._healthy, options)), f"{place} is troubled, another is not"
        if self.now - book.waits_since >= self.limits.hold_s:
            return  # at the end of its waiting a call takes what there is
        earlier = book.call.models[: book.call.models.index(place.model)]
        assert not any(self.usable(book, model) for model in earlier), "a fallback, and the model is there"

    def _check_turn(self, chosen: Book, place: Place) -> Call:
        """Whose turn it was. No other who waits could have gone there first; who may load a model is another matter."""
        spot = next(spot for each, _, spot in self._places(place.model) if each == place)
        if not self._healthy(place) or self._cold(place, spot):
            return chosen.call
        running = [(each.call, each.place.model) for each in self.books.values() if each.place]
        rivals = [chosen.call]
        for book in [each for each in self.books.values() if each.held and each is not chosen]:
            options = next(filter(None, (self.usable(book, model) for model in book.call.models)), [])
            rivals += [book.call] if any(option == place for option, _ in options) else []
        leader, first = self.turns.next(rivals, running, self.now)
        assert first is chosen.call, f"{first.id} came before"
        return leader

    def _check_end(self, book: Book, decision: Refused | Freed) -> None:
        if isinstance(decision, Freed):
            assert book.place is not None
            if self.now - book.progress_at < self.limits.stale_s:
                self._check_lost(book)
        else:
            assert book.place is None, f"{book.call.id} runs, and was refused"
        if decision.error.status == 503 and not book.failed_on:
            assert (decision.error.retry_after or 0) >= 1

    def _check_lost(self, book: Book) -> None:
        assert book.place is not None
        if self.drain_is_over(book):
            return
        assert self.now - book.progress_at >= self.limits.lease_s
        assert self.now - self.desk.fleet.nodes[book.place.node_id].last_heard > self.limits.lease_s

    def order(self, name: str, order: str | float) -> None:
        """uncordon, cordon, or seconds: drain until then. A cordon leaves a drain as it is."""
        if order == "uncordon":
            self.drains.pop(name, None)
        elif isinstance(order, float):
            self.drains[name] = self.now + order
        deadline = self.now + order if isinstance(order, float) else None
        self.apply(self.desk.cordoned(NodeId(name), self.now, on=order != "uncordon", deadline=deadline))

    def drain_is_over(self, book: Book) -> bool:
        """Whether it runs on a drained node past the deadline."""
        return book.place is not None and self.drains.get(book.place.node_id, math.inf) <= self.now

    # What must hold after every event

    def check_counts(self) -> None:
        """In-flight of every place is the number of open calls there; none is left at zero or below."""
        counted = {
            Place(name, *key): number
            for name, node in self.desk.fleet.nodes.items()
            for key, number in node.in_flight.items()
        }
        assert counted == dict(Counter(book.place for book in self.books.values() if book.place))

    def check_states(self) -> None:
        """A call is held (once), placed, or over; the Desk and the book agree on which."""
        held = [each.call.id for each in in_line(self.desk.holding)]
        assert sorted(held) == self.held()
        assert len(self.desk.holding) == len(held)
        assert {each.call.id: each.place for each in self.desk.open_calls()} == {
            name: book.place for name, book in self.books.items()
        }

    def check_limit(self) -> None:
        """Never more calls wait than may."""
        assert len(self.desk.holding) <= self.limits.held_calls

    def check_nobody_waits_in_vain(self) -> None:
        """No call waits while its model has a healthy place with room, and need not be loaded there while it is in
        memory at another or on its way there. (A fallback waits for the model itself.)
        """
        for book in [self.books[name] for name in self.held()]:
            options = next(filter(None, (self.usable(book, model) for model in book.call.models)), [])
            free = [
                place
                for place, spot in options
                if self._healthy(place)
                and self._in_flight(place) < spot.slots
                and not (self._cold(place, spot) and self._warm_beside(place, options))
            ]
            assert not free, f"{book.call.id} waits, and {free} is free"

    def check_probes(self) -> None:
        """A gateway that does not answer is tried again soon."""
        for node in self.desk.fleet.nodes.values():
            if node.reach != "reached":
                assert node.next_probe_at <= self.now + self.limits.probe_every_s, f"{node.node_id} is lost"

    def check_deadlines(self) -> None:
        """Right after time passed: nobody waits or stands still for too long."""
        for book in self.books.values():
            if book.place is None:
                assert self.now - book.waits_since < self.longest_wait(book)
            else:
                assert self.now - book.progress_at < self.limits.stale_s
                assert not self.drain_is_over(book), f"{book.call.id} still runs on a node that was drained"
                node = self.desk.fleet.nodes[book.place.node_id]
                lost = self.now - node.last_heard > self.limits.lease_s and not node.heartbeat.leaving
                assert not lost or self.now - book.progress_at < self.limits.lease_s

    def _cold(self, place: Place, spot: Spot) -> bool:
        return not spot.replicas and not self.desk.loads.warm(place, self.now)

    def _warm_beside(self, place: Place, options: list[tuple[Place, Spot]]) -> bool:
        """Whether the model is in memory, or long enough under way, at a healthy place other than this."""
        loading = self.desk.loads.loading(place.model)
        if loading is not None and self.now - loading.since > 3 * loading.predicted_s:
            loading = None
        return any(
            other != place
            and self._healthy(other)
            and (not self._cold(other, spot) or (loading is not None and loading.place == other))
            for other, spot in options
        )

    def longest_wait(self, book: Book) -> float:
        """Seconds; longer where a model of the call loads or did while it waited."""
        loads = self.desk.loads
        for model in book.call.models:
            ended = loads.ended_at(model)
            if loads.loading(model) or (ended is not None and ended >= book.waits_since):
                return self.limits.hold_loading_s
        return self.limits.hold_s

    # The rules of eligibility, told a second time

    def usable(self, book: Book, model: ModelName) -> list[tuple[Place, Spot]]:
        """Places that may serve the call, troubled or not, full or not."""
        able = [
            (place, spot)
            for place, node, spot in self._places(model)
            if book.may_try(place) and self._callable(node) and _can(spot, book.call)
        ]
        circuits = self.desk.fleet.circuits
        return [each for each in able if not circuits.bars(each[0], self.now)] or able

    def _places(self, model: ModelName) -> list[tuple[Place, Node, Spot]]:
        return [
            (Place(name, spot.engine.name, model), node, spot)
            for name, node in self.desk.fleet.nodes.items()
            for spot in node.spots.get(model, ())
        ]

    def _callable(self, node: Node) -> bool:
        beat = node.heartbeat
        alive = not beat.leaving and self.now - node.last_heard <= self.limits.lease_s
        return alive and not beat.draining and not node.cordoned and node.reach in ("reached", "suspect")

    def _healthy(self, place: Place) -> bool:
        node = self.desk.fleet.nodes[place.node_id]
        late = self.now - node.last_heard > self.limits.beat_late_s
        return node.reach == "reached" and not late and not node.troubled(place.engine, place.model, self.now)

    def _in_flight(self, place: Place) -> int:
        return self.desk.fleet.nodes[place.node_id].in_flight[place.engine, place.model]


def _can(spot: Spot, call: Call) -> bool:
    if not spot.engine.up:
        return False
    able = not spot.model.abilities or call.abilities <= spot.model.abilities
    return able and (bool(spot.replicas) or spot.model.size_bytes <= ROOM_BYTES)
