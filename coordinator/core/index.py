"""The places that have a model, in order of their points: a decision looks at the first few, not at the fleet.

A place's points are those of the place (they change with a beat), of its node's load (when a call starts or ends
there) and of the call. Places that are alike to every call (`Kind`) stand in one heap, whose keys may be too good,
never too bad: what gets better is pushed when the change is taken in (`settle`), what got worse is seen when it comes
to the top.
"""

import math
from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush, heapreplace

from coordinator.core import eligibility
from coordinator.core.call import Call, Place
from coordinator.core.candidates import Candidates
from coordinator.core.eligibility import Refusal
from coordinator.core.fleet import Fleet
from coordinator.core.limits import Limits, Weights
from coordinator.core.node import Node
from coordinator.core.node_load import NodeLoad
from coordinator.core.open_call import OpenCall
from coordinator.core.policies.policy import Policy
from coordinator.core.shelf import Chosen, Entry, Fixed, Found, Group, Key, Kind, Shelf, Weighed, rank
from coordinator.core.signals import OF_CALL, OF_LOAD, OF_PLACE, functions
from coordinator.core.signals.thermal import WARM_FOR_S
from shared.names import CallId, ModelName, NodeId

ANY_CALL = Call(id=CallId(""), model=ModelName(""), asked_name="", operation="chat", dialect="")
"""Points of places and loads are worked out for it: those signals read nothing of a call but its `num_ctx`."""

SLACK = 16
"""Stale keys that a heap may hold beside twice its places, before it is swept."""


class Index:
    """Kept by whoever decides; reads the fleet."""

    def __init__(self, fleet: Fleet, limits: Limits, weights: Weights, policy: Policy) -> None:
        self._fleet = fleet
        self._policy = policy
        self._candidates = Candidates(fleet)
        self._limits = limits
        known = functions(weights)
        self._of_place = [(known[name], getattr(weights, name)) for name in OF_PLACE]
        self._of_load = [(known[name], getattr(weights, name)) for name in OF_LOAD]
        self._of_call = [(known[name], getattr(weights, name)) for name in OF_CALL]
        self._most_of_call = sum(abs(weight) for _, weight in self._of_call)
        self._shelves: dict[ModelName, Shelf] = {}
        self._of_node: dict[NodeId, dict[Place, Entry]] = {}

    # Events

    def settle(self, now: float) -> None:
        """Takes in what has changed in the fleet since it was last called."""
        if now >= self._fleet.next_change_at:
            self._fleet.time_passed(now)
        changed, relieved = self._fleet.changed, self._fleet.relieved
        if changed:
            for node_id in changed:
                self._refresh(node_id, now)
            relieved -= changed
            changed.clear()
        if relieved:
            for node_id in relieved:
                self._relieve(node_id)
            relieved.clear()

    def _refresh(self, node_id: NodeId, now: float) -> None:
        """The node's places are what they are now."""
        node = self._fleet.nodes.get(node_id)
        before = self._of_node.get(node_id, {})
        entries: dict[Place, Entry] = {}
        if node is not None:
            standing = node.standing(now, self._limits)
            for model, spots in node.spots.items():
                for spot in spots:
                    place = Place(node_id, spot.engine.name, model)
                    entry = before.get(place)
                    if entry is None or entry.node is not node:
                        entry = Entry(place, node)
                    candidate = self._candidates.of(node, standing, spot, model, now)
                    barred = eligibility.barred(node, standing, spot) or self._circuit(place, now)
                    entries[place] = entry
                    is_open = barred is None and not candidate.troubled
                    points = tuple(
                        score(candidate, ANY_CALL) * weight + 0.0 for score, weight in self._of_place
                    )
                    entry.fixed = Fixed(place, points, candidate, spot, is_open, barred)
                    self._put(entry, now)
        for place, entry in before.items():
            if entries.get(place) is not entry:
                self._drop(entry)
        if entries:
            self._of_node[node_id] = entries
        else:
            self._of_node.pop(node_id, None)

    def _circuit(self, place: Place, now: float) -> Refusal | None:
        circuits = self._fleet.circuits
        return Refusal(circuits.reason(place, now)) if circuits.bars(place, now) else None

    def _put(self, entry: Entry, now: float) -> None:
        candidate = entry.fixed.candidate
        shelf = self._shelves.setdefault(entry.place.model, Shelf())
        kind = Kind(
            candidate.loaded,
            candidate.context_length,
            candidate.default_context,
            candidate.max_context,
            candidate.fixed_context,
            entry.fixed.spot.model.abilities,
        )
        group = shelf.group(kind, candidate)
        if entry.group is not group:
            self._leave(entry)
            entry.group = group
            group.members += 1
        shelf.entries[entry.place] = entry
        entry.slots, entry.base = candidate.slots, sum(entry.fixed.points)
        unloaded_for = candidate.unloaded_for_s
        fresh = not candidate.loaded and unloaded_for is not None and unloaded_for < WARM_FOR_S
        entry.stale_at = now + WARM_FOR_S - (unloaded_for or 0.0) if fresh else float("inf")
        self._stand(entry)

    def _drop(self, entry: Entry) -> None:
        shelf = self._shelves[entry.place.model]
        self._leave(entry)
        if shelf.entries.get(entry.place) is entry:
            del shelf.entries[entry.place]
        if not shelf.entries:
            del self._shelves[entry.place.model]

    def _leave(self, entry: Entry) -> None:
        """Its group; what it left in the heap is known by not being its key."""
        group, entry.key, entry.group = entry.group, None, None
        if group is None:
            return
        group.full.pop(entry.place, None)
        group.members -= 1
        if not group.members:
            self._shelves[entry.place.model].drop(group)

    def _relieve(self, node_id: NodeId) -> None:
        """A call has ended there: its places may stand better, and have room."""
        for entry in self._of_node.get(node_id, {}).values():
            self._stand(entry)

    def _stand(self, entry: Entry) -> None:
        """In its group's heap, unless it stands there well enough, is full, or is not to be chosen."""
        group = entry.group
        assert group is not None  # noqa: S101 - each entry of a shelf has one
        if not (entry.fixed.open and entry.has_room):
            entry.key = None
            if entry.fixed.open:
                group.full[entry.place] = entry
            else:
                group.full.pop(entry.place, None)
            return
        group.full.pop(entry.place, None)
        key = self._key(entry)
        if entry.key is None or key < entry.key:
            entry.key = key
            heappush(group.heap, key)
            if len(group.heap) > 2 * group.members + SLACK:
                group.heap = [each for each in group.heap if each[3].key is each]
                heapify(group.heap)

    def _key(self, entry: Entry) -> Key:
        node = entry.node
        load = node.load or self._load(node)
        return (self._policy.cost(entry, load), node.last_used[entry.pair], entry.place, entry)

    def _load(self, node: Node) -> NodeLoad:
        candidate = self._candidates.loaded(node)
        points = tuple([score(candidate, ANY_CALL) * weight + 0.0 for score, weight in self._of_load])
        number, seconds = candidate.node_in_flight, candidate.others_s
        node.load = NodeLoad(points, sum(points), dict(node.in_flight), number, seconds)
        return node.load

    # Questions

    def find(self, subject: OpenCall, model: ModelName, now: float) -> Found:
        """The best place of each kind, and whether open ones are full. Kinds that are behind a place that has the model
        in memory, with context enough, are left out: nothing about them would be asked.
        """
        shelf = self._shelves.get(model)
        if shelf is None:
            return Found((), ())
        best: list[Chosen] = []
        full: list[Group] = []
        enough = -math.inf
        for group in shelf.ordered:
            if self._at_most(group) < enough or not group.kind.can(subject.call):
                continue
            first = self._first(group, subject, now)
            if first:
                best += first
                if self._policy.shortlist == 1 and group.kind.ready_for(subject.needed):
                    enough = max(enough, first[0].total)
            elif self._some_full(group, subject, now):
                full.append(group)
        return Found(tuple(self._policy.order(best, subject, now)), tuple(full))

    def _at_most(self, group: Group) -> float:
        """No place of the group that has room gets more points."""
        return self._most_of_call - group.heap[0][0] if group.heap else -math.inf

    def entry(self, place: Place) -> Entry | None:
        """As it is kept for that place."""
        shelf = self._shelves.get(place.model)
        return shelf.entries.get(place) if shelf else None

    def weighed(self, model: ModelName) -> list[Entry]:
        """Every place that has the model."""
        shelf = self._shelves.get(model)
        return list(shelf.entries.values()) if shelf else []

    def weighed_now(self, entries: Iterable[Entry]) -> tuple[Weighed, ...]:
        """Values of this moment, to be kept."""
        return tuple([(each.fixed, each.node.load or self._load(each.node)) for each in entries])

    def look_anew(self, model: ModelName, now: float) -> None:
        """Reasons tell of seconds that are left: before they are shown they are made of this moment."""
        for node_id in {each.place.node_id for each in self.weighed(model)}:
            self._refresh(node_id, now)

    def count(self, model: ModelName) -> int:
        """Of those."""
        shelf = self._shelves.get(model)
        return len(shelf.entries) if shelf else 0

    def some_troubled(self, model: ModelName, now: float) -> bool:
        """Whether a place is left for those who take what there is: not barred, and not healthy."""
        return any(
            each.fixed.barred is None and (not each.fixed.open or self._late(each, now))
            for each in self.weighed(model)
        )

    def chosen(self, entry: Entry, call: Call) -> Chosen:
        """The entry with its points for the call."""
        candidate, of_place = entry.fixed.candidate, entry.fixed.points
        if call.num_ctx and not candidate.loaded:  # its cache would take another part of the memory
            of_place = tuple(score(candidate, call) * weight + 0.0 for score, weight in self._of_place)
        of_call = [score(candidate, call) * weight + 0.0 for score, weight in self._of_call]
        load = entry.node.load or self._load(entry.node)
        points = (*of_place, *load.points, *of_call)
        return Chosen(entry, points, sum(points))

    def _best(self, group: Group, subject: OpenCall, now: float) -> Chosen | None:
        """The first; where the call changes the points of the place, the best of those whose keys may be better."""
        exact = group.kind.loaded or not subject.call.num_ctx
        aside: list[Entry] = []
        best: Chosen | None = None
        while (entry := self._top(group, now)) is not None:
            if subject.may_try(entry.place):
                chosen = self.chosen(entry, subject.call)
                if best is None or rank(chosen) < rank(best):
                    best = chosen
                if exact or sum(chosen.points[-len(OF_CALL) :]) - self._key(entry)[0] <= best.total:
                    break
            aside.append(entry)
            heappop(group.heap)
        for each in aside:
            heappush(group.heap, each.key or self._key(each))
        return best

    def _first(self, group: Group, subject: OpenCall, now: float) -> list[Chosen]:
        """As many as the policy looks at."""
        if self._policy.shortlist == 1:
            best = self._best(group, subject, now)
            return [best] if best else []
        aside: list[Entry] = []
        found: list[Chosen] = []
        while len(found) < self._policy.shortlist and (entry := self._top(group, now)) is not None:
            if subject.may_try(entry.place):
                found.append(self.chosen(entry, subject.call))
            aside.append(entry)
            heappop(group.heap)
        for each in aside:
            heappush(group.heap, each.key or self._key(each))
        return found

    def busy(self, model: ModelName, subject: OpenCall, now: float) -> Iterator[Entry]:
        """Places that have the model in memory and could serve the call, were they not full."""
        shelf = self._shelves.get(model)
        for group in shelf.ordered if shelf else ():
            if group.kind.loaded and group.kind.can(subject.call):
                for entry in group.full.values():
                    if not self._late(entry, now) and subject.may_try(entry.place):
                        if entry.node.load is None:
                            self._load(entry.node)
                        yield entry

    def _top(self, group: Group, now: float) -> Entry | None:
        """The first of the heap that is what its key says; those that are not are put where they belong.

        The most frequent loop of a decision: written out.
        """
        heap, late_s = group.heap, self._limits.beat_late_s
        while heap:
            key = heap[0]
            entry = key[3]
            node = entry.node
            if entry.key is not key:
                heappop(heap)
            elif now >= entry.stale_at:
                self._refresh(node.node_id, now)
                heap = group.heap
            elif now - node.last_heard > late_s:
                heappop(heap)
                entry.key = None
            elif node.in_flight.get(entry.pair, 0) >= entry.slots:
                heappop(heap)
                entry.key = None
                group.full[entry.place] = entry
            else:
                load = node.load or self._load(node)
                if key[0] == self._policy.cost(entry, load) and key[1] == node.last_used[entry.pair]:
                    return entry
                entry.key = self._key(entry)
                heapreplace(heap, entry.key)
        return None

    def _some_full(self, group: Group, subject: OpenCall, now: float) -> bool:
        return any(
            not self._late(entry, now) and subject.may_try(entry.place) for entry in group.full.values()
        )

    def _late(self, entry: Entry, now: float) -> bool:
        """A beat is late: it is not for now, and its next beat brings it back."""
        return now - entry.node.last_heard > self._limits.beat_late_s
