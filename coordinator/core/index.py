"""The places that have a model, in order of their points: a decision looks at the first few, not at the fleet.

A place's points are those of the place (they change with a beat), of its node's load (when a call starts or ends
there) and of the call. Places that are alike to every call (`Kind`) stand in one heap, whose keys may be too good,
never too bad: what gets better is pushed when the change is taken in (`settle`), what got worse is seen when it comes
to the top.
"""

import math
from collections.abc import Iterator
from heapq import heappop, heappush, heapreplace
from operator import attrgetter

from coordinator.core import eligibility
from coordinator.core.call import Call, Place
from coordinator.core.candidates import Candidates
from coordinator.core.eligibility import Refusal
from coordinator.core.fleet import Fleet
from coordinator.core.limits import Limits, Weights
from coordinator.core.open_call import OpenCall
from coordinator.core.points import Points
from coordinator.core.policies.policy import Policy
from coordinator.core.shelf import (
    BARRED,
    HEALTHY,
    KEPT_AWAY,
    TROUBLED,
    Chosen,
    Entry,
    Fixed,
    Found,
    Group,
    Key,
    Weighed,
    rank,
)
from coordinator.core.shelves import Shelves
from coordinator.core.signals import OF_CALL
from shared.names import ModelName, NodeId


class Index:
    """Kept by whoever decides; reads the fleet."""

    def __init__(self, fleet: Fleet, limits: Limits, weights: Weights, policy: Policy) -> None:
        self._fleet = fleet
        self._changed, self._relieved = fleet.changed, fleet.relieved
        self._stirred, self._renewed = fleet.stirred, fleet.renewed
        self._policy = policy
        self._cost = policy.cost
        self._candidates = Candidates(fleet)
        self._limits = limits
        self._silent_s = {HEALTHY: limits.beat_late_s, TROUBLED: limits.lease_s, KEPT_AWAY: limits.lease_s}
        """Silence after which a place is not of its tier any more."""
        self._points = Points(fleet, weights, policy)
        self.chosen = self._points.chosen
        """The entry with its points for a call."""
        self._shelves = Shelves(self._points.key)
        self._look = self._best if policy.by_points else self._first
        self._of_node: dict[NodeId, dict[Place, Entry]] = {}

    # Events

    def settle(self, now: float) -> None:
        """Takes in what has changed in the fleet since it was last called."""
        if now >= self._fleet.next_change_at:
            self._fleet.time_passed(now)
        changed, relieved, stirred = self._changed, self._relieved, self._stirred
        if now >= self._shelves.cools.next_at():
            changed.update([place.node_id for place in self._shelves.cools.due(now)])
        if stirred:
            for node_id in stirred:
                if node := self._fleet.nodes.get(node_id):
                    node.load = self._points.load(node)
            stirred.clear()
        if changed:
            for node_id in changed:
                self._refresh(node_id, now)
            relieved -= changed
            self._renewed -= changed
            changed.clear()
        while self._renewed:
            self._renew(self._renewed.pop())
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
                    barred = eligibility.barred(node, standing, spot)
                    kept_away = None if barred else self._circuit(place, now)
                    tier = TROUBLED if candidate.troubled else HEALTHY
                    tier = BARRED if barred else KEPT_AWAY if kept_away else tier
                    entries[place] = entry
                    points = self._points.of_place(candidate)
                    entry.fixed = Fixed(place, points, candidate, spot, tier == HEALTHY, barred or kept_away)
                    self._shelves.put(entry, tier, self._candidates.cools_at(candidate, node))
        for place, entry in before.items():
            if entries.get(place) is not entry:
                self._shelves.drop(entry)
        if entries:
            self._of_node[node_id] = entries
        else:
            self._of_node.pop(node_id, None)

    def _renew(self, node_id: NodeId) -> None:
        """Its places are what they were; what a call there takes may be told anew, by what was learned elsewhere."""
        for entry in self._of_node.get(node_id, {}).values():
            if not entry.has_room or not self._policy.holds(entry):
                entry.prospect = entry.cost_of = None
                self._shelves.stand(entry)

    def _circuit(self, place: Place, now: float) -> Refusal | None:
        circuits = self._fleet.circuits
        return Refusal(circuits.reason(place, now)) if circuits.bars(place, now) else None

    def _relieve(self, node_id: NodeId) -> None:
        """A call has ended there: its places may stand better, and have room."""
        for entry in self._of_node.get(node_id, {}).values():
            self._shelves.stand(entry)

    # Questions

    def find(self, subject: OpenCall, model: ModelName, now: float, tier: int = HEALTHY) -> Found:
        """The best place of each kind in that tier, and which kinds are full. Kinds that are behind a place that has
        the model in memory, with context enough, are left out: nothing about them would be asked. A tier is asked
        after those before it: only then are the places whose beat is late among the troubled.
        """
        shelf = self._shelves.get(model)
        if shelf is None:
            return Found((), ())
        best: list[Chosen] = []
        full: list[Group] = []
        beyond = math.inf
        groups = shelf.ordered[tier]
        for group in groups:
            if beyond < math.inf and not (group.heap and group.heap[0][0] <= beyond):
                continue
            if not group.kind.can(subject.call):
                continue
            first = self._look(group, subject, now)
            if first:
                best += first
                if group is not groups[-1] and group.kind.ready_for(subject.needed):
                    beyond = min(beyond, self._policy.beyond(first[0], subject))
            elif self._some_full(group, subject, now):
                full.append(group)
        if len(best) > 1 or not self._policy.by_points:
            best = self._policy.order(best, subject, now)
        return Found(tuple(best), tuple(full))

    def pointed(self, chosen: Chosen, call: Call) -> Chosen:
        """With the points, where a policy had no need of them."""
        known = self.chosen(chosen.entry, call)
        extra = chosen.extra
        total = known.total + sum(points for _, points in extra) if extra else known.total
        return Chosen(chosen.entry, known.points, total, extra, chosen.seconds)

    def entry(self, place: Place) -> Entry | None:
        """As it is kept for that place."""
        shelf = self._shelves.get(place.model)
        return shelf.entries.get(place) if shelf else None

    def entries(self, model: ModelName) -> list[Entry]:
        """Every place that has the model."""
        shelf = self._shelves.get(model)
        return list(shelf.entries.values()) if shelf else []

    def weighed(self, model: ModelName) -> Weighed:
        """The same as values of this moment, to be kept."""
        shelf = self._shelves.get(model)
        return shelf.weighed() if shelf else Weighed((), ())

    def look_anew(self, model: ModelName, now: float) -> None:
        """Reasons tell of seconds that are left: before they are shown they are made of this moment."""
        for node_id in {each.place.node_id for each in self.entries(model)}:
            self._refresh(node_id, now)

    def weighed_with(self, chosen: Entry, found: Found, most: int) -> tuple[Weighed, int]:
        """Every place that has the model of the chosen one; where they are more than `most`, that and what was found.
        And how many are left out.
        """
        shelf = self._shelves.get(chosen.place.model)
        if shelf is not None and len(shelf.entries) <= most:
            return shelf.weighed(), 0
        told = [each.entry for each in found.best]
        if chosen not in told:
            # A substitute, the place of a load, a troubled one: none of the best of each kind.
            told.append(chosen)
        weighed = Weighed(tuple([each.fixed for each in told]), tuple([each.node.load for each in told]))
        return weighed, max(0, len(shelf.entries) - len(told)) if shelf else 0

    def is_any_full(self, model: ModelName) -> bool:
        """Whether one of the healthy places is: else `busy` has nothing to tell."""
        shelf = self._shelves.get(model)
        return shelf is not None and any(map(_full, shelf.ordered[HEALTHY]))

    def busy(self, model: ModelName, subject: OpenCall, now: float) -> Iterator[Entry]:
        """Healthy places that have the model in memory and could serve the call, were they not full."""
        shelf = self._shelves.get(model)
        for group in shelf.ordered[HEALTHY] if shelf else ():
            if group.kind.loaded and group.kind.can(subject.call):
                for entry in group.full.values():
                    late = now - entry.node.last_heard > self._silent_s[HEALTHY]
                    if not late and subject.may_try(entry.place):
                        yield entry

    def _first(self, group: Group, subject: OpenCall, now: float) -> list[Chosen]:
        """As many as the policy looks at."""
        aside: list[Key] = []
        found: list[Chosen] = []
        most = self._policy.shortlist(subject, loaded=group.kind.loaded)
        first = self._top(group, now)
        if first is None or (most == 1 and subject.may_try(first.place)):
            return [Chosen(first, (), 0.0)] if first else []
        while len(found) < most and (entry := self._top(group, now)) is not None:
            if subject.may_try(entry.place):
                found.append(Chosen(entry, (), 0.0))  # its points are worked out when it is chosen
            aside.append(heappop(group.heap))
        for key in aside:
            heappush(group.heap, key)
        return found

    def _best(self, group: Group, subject: OpenCall, now: float) -> list[Chosen]:
        """The first; where the call changes the points of the place, the best of those whose keys may be better."""
        exact = group.kind.loaded or not subject.call.num_ctx
        first = self._top(group, now)
        if first is None or (exact and subject.may_try(first.place)):  # as nearly always
            return [self.chosen(first, subject.call)] if first else []
        aside: list[Key] = []
        best: Chosen | None = None
        while (entry := self._top(group, now)) is not None:
            if subject.may_try(entry.place):
                chosen = self.chosen(entry, subject.call)
                if best is None or rank(chosen) < rank(best):
                    best = chosen
                if exact or sum(chosen.points[-len(OF_CALL) :]) - self._points.key(entry)[0] <= best.total:
                    break
            aside.append(heappop(group.heap))
        for key in aside:
            heappush(group.heap, key)
        return [best] if best else []

    def _top(self, group: Group, now: float) -> Entry | None:
        """The first of the heap that is what its key says; those that are not are put where they belong.

        The most frequent loop of a decision: written out.
        """
        heap, silent_s = group.heap, self._silent_s[group.tier]
        while heap:
            key = heap[0]
            entry = key[3]
            if entry.key is not key:
                heappop(heap)
                continue
            node, pair = entry.node, entry.pair
            load, used = node.load, node.last_used[pair]
            if entry.cost_of is not load:
                entry.cost, entry.cost_of = self._cost(entry, load), load
            if key[0] != entry.cost or key[1] != used:
                entry.key = (entry.cost, used, node.node_id, entry)
                heapreplace(heap, entry.key)
            elif node.in_flight.get(pair, 0) >= entry.slots:
                heappop(heap)
                entry.key = None
                group.full[entry.place] = entry
            elif now - node.last_heard > silent_s:
                heappop(heap)
                self._shelves.silent(entry)
            else:
                return entry
        return None

    def _some_full(self, group: Group, subject: OpenCall, now: float) -> bool:
        found, silent_s, silent = False, self._silent_s[group.tier], []
        for entry in group.full.values():
            if now - entry.node.last_heard > silent_s:
                silent.append(entry)
            elif subject.may_try(entry.place):
                found = True
                break
        for entry in silent:
            self._shelves.silent(entry)
        return found


_full = attrgetter("full")
