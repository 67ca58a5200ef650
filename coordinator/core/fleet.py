"""The nodes, their leases and what runs on each. Changed by the Desk only; everybody else gets values."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from coordinator.core import beats, measuring
from coordinator.core.affinity import Affinity
from coordinator.core.alarms import Alarms
from coordinator.core.call import Place, Placement, Tokens
from coordinator.core.circuits import Circuits
from coordinator.core.context import CHARACTERS_A_TOKEN
from coordinator.core.cordon import Cordons
from coordinator.core.demand import Demand
from coordinator.core.densities import Densities
from coordinator.core.facts import Facts
from coordinator.core.latencies import Latencies
from coordinator.core.lengths import Lengths
from coordinator.core.limits import Limits
from coordinator.core.loads import Loads
from coordinator.core.node import Node
from coordinator.core.open_call import OpenCall
from coordinator.core.paces import Paces
from coordinator.core.probes import Probes
from coordinator.core.seats import Seats
from coordinator.core.spots import Spot
from coordinator.core.usage import Usage
from shared.errors import Conflict
from shared.names import CallId, ModelName, NodeId
from shared.wire import Heartbeat


class Fleet:
    """All nodes ever heard of, by id, and which of them have a model."""

    def __init__(self, limits: Limits) -> None:
        self.nodes: dict[NodeId, Node] = {}
        self.latencies = Latencies()
        self.paces = Paces()
        self.lengths = Lengths()
        self.demand = Demand()
        self.facts = Facts()
        self.circuits = Circuits(limits)
        self.loads = Loads()
        self.affinity = Affinity()
        self.usage = Usage()
        self.seats = Seats()
        self.changed: set[NodeId] = set()
        """Nodes of which something is different, beside their load; whoever keeps an order of them takes them out."""
        self.relieved: set[NodeId] = set()
        """Nodes where a call has ended."""
        self.stirred: set[NodeId] = set()
        """Nodes whose load is not what it was: those of both sets, and where a call has begun."""
        self.renewed: set[NodeId] = set()
        """Nodes that said again what they had said: nothing there is different, but for what was learned elsewhere."""
        self.next_change_at = math.inf
        """When something gets better by time alone."""
        self.cordons = Cordons()
        self.densities = Densities(CHARACTERS_A_TOKEN)
        self.overrides: Mapping[ModelName, int] = {}
        """Contexts, in tokens, that the fleet chose for models."""
        self._limits = limits
        self._having: dict[ModelName, set[NodeId]] = {}
        self._copies: Counter[ModelName] = Counter()
        self._placements = 0
        self._troubles: Alarms[NodeId] = Alarms()
        """When the next trouble of a node is over."""
        self.probes = Probes(limits)

    def heard(self, heartbeat: Heartbeat, address: str, now: float) -> Node:
        """Takes in a beat. Raises CallerFault for one that is older than what is known, NameTaken where that is
        because of another agent.
        """
        node = self.nodes.get(NodeId(heartbeat.node_id))
        last_beat = node.heartbeat if node else None
        if node is None:
            node = self.nodes[NodeId(heartbeat.node_id)] = Node(heartbeat, address, now, self.touch)
            node.set_aside(self.cordons[node.node_id])
            before: set[ModelName] = set()
            loaded: set[ModelName] = set()
        else:
            lease_over = now - node.last_heard > self._limits.lease_s
            beats.check_order(node.heartbeat, heartbeat, lease_over=lease_over)
            if node.hears_again(heartbeat, address, now, self._limits):
                self._renew(node)
                return node
            before, loaded = set(node.spots), node.loaded()
            if heartbeat.epoch != node.heartbeat.epoch:
                self.circuits.restarted(node.node_id, now)  # those were another process's
            node.heard(heartbeat, address, now, self._limits)
        now_loaded = node.loaded()
        self._copies.update(now_loaded - loaded)
        self._copies.subtract(loaded - now_loaded)
        self.affinity.heard(last_beat, heartbeat)
        self.seats.heard(node)
        for model in before - set(node.spots):
            self._having[model].discard(node.node_id)
        for model in set(node.spots) - before:
            self._having.setdefault(model, set()).add(node.node_id)
        self.touch(node)
        moved = self.facts.heard(node)
        if moved.bandwidth:
            for each in self.nodes.values():
                self.touch(each)
        for model in moved.models:
            for node_id in self._having[model]:
                self.touch(self.nodes[node_id])
        return node

    def _renew(self, node: Node) -> None:
        """It said what it had said: as a rule nothing need be weighed anew there."""
        self.renewed.add(node.node_id)
        if self.seats.heard_again(node) or self.circuits.not_closed(node.node_id):
            self.touch(node)  # why a circuit is open tells how long it still is

    def set_aside(self, node_id: NodeId, *, on: bool, deadline: float | None) -> None:
        """A person's order for a node, which may not have been heard of yet."""
        if on:
            self.cordons.ordered(node_id, deadline)
        else:
            self.cordons.lifted(node_id)
        if node := self.nodes.get(node_id):
            node.set_aside(self.cordons[node_id])

    def touch(self, node: Node) -> None:
        """Something is different there, beside its load."""
        self.stirred.add(node.node_id)
        self.changed.add(node.node_id)
        self._troubles.set(node.trouble_ends_at(), node.node_id)
        self.probes.set(node)
        self.next_change_at = min(self._troubles.next_at(), self.circuits.next_change_at())

    def time_passed(self, now: float) -> None:
        """Trouble may be over, a circuit half-open."""
        if now < self.next_change_at:
            return
        for place in self.circuits.due(now):
            if node := self.nodes.get(place.node_id):
                self.touch(node)
        for node_id in self._troubles.due(now):
            if node := self.nodes.get(node_id):
                node.trouble_passed(now)
                self.touch(node)
        self.next_change_at = min(self._troubles.next_at(), self.circuits.next_change_at())

    def forget(self, now: float) -> None:
        """Drops nodes that have long been silent and run nothing."""
        gone = [
            node
            for node in self.nodes.values()
            if now - node.last_heard > self._limits.forget_s and not node.in_flight
        ]
        if gone:
            self._drop(gone)

    def remove(self, node_id: NodeId, now: float) -> None:
        """A person says it will not come back: its order to be set aside goes with it.

        Raises Conflict for one that is heard, or runs calls.
        """
        node = self.nodes.get(node_id)
        if node is not None and (node.in_flight or node.standing(now, self._limits).status != "offline"):
            raise Conflict(f"{node_id} is not gone: end its herd-node first (herd drain {node_id})")
        self.cordons.lifted(node_id)
        if node is not None:
            self._drop([node])

    def _drop(self, gone: list[Node]) -> None:
        for node in gone:
            del self.nodes[node.node_id]
            self._copies.subtract(node.loaded())
            self.facts.forget(node.node_id)
            self._troubles.drop(node.node_id)
            self.probes.drop(node.node_id)
            self.changed.add(node.node_id)
            self.seats.forget(node.node_id)
            self.latencies.forget(node.node_id)
            self.paces.forget(node.node_id)
            self.circuits.forget(node.node_id)
            for model in node.spots:
                self._having[model].discard(node.node_id)
        self._having = {model: nodes for model, nodes in self._having.items() if nodes}

    def model_names(self) -> set[ModelName]:
        """Every model that some node has, reachable or not."""
        return {model for model, nodes in self._having.items() if nodes}

    def has(self, model: ModelName) -> bool:
        """Whether some node has it, reachable or not."""
        return bool(self._having.get(model))

    def copies(self, model: ModelName) -> int:
        """Nodes that have it in memory, by their last beats; at least 1."""
        return max(1, self._copies[model])

    def having(self, model: ModelName) -> Iterator[tuple[Node, Spot]]:
        """The nodes and engines that have the model."""
        for node_id in sorted(self._having.get(model, ())):
            node = self.nodes[node_id]
            for spot in node.spots[model]:
                yield node, spot

    def take(self, subject: OpenCall, placement: Placement, now: float) -> None:
        """A call starts there."""
        place = placement.place
        node_id, engine, model = place
        node = self.nodes[node_id]
        subject.first_byte_at = None
        subject.found_cached = place in self.affinity.preferred(subject.call, now)
        self.demand.asked(model, now)
        key = (engine, model)
        self._placements += 1
        running = node.begins(key, now)
        self.stirred.add(node_id)
        subject.work_at_start = node.worked
        node.last_used[key] = self._placements
        spot = node.spot(engine, model)
        if spot is not None:
            subject.found_loaded = bool(spot.replicas) or self.loads.warm(place, now)
            if not spot.replicas:
                self.changed.add(node_id)
                self.loads.placed(place, node, now)
            if touched := self.seats.took(subject.call.id, place, spot, running, now):
                self._touch_at(touched)
        context = placement.protection.context
        if context and context != placement.context_length:  # it is loaded with another from here on
            node.contexts.expect(key, context)
            self.touch(node)
        if place in self.circuits.opened and self.circuits.placed(place, subject.call.id, now):
            self.touch(node)

    def free(self, call_id: CallId, place: Place, now: float) -> None:
        """A call has ended there."""
        self.seats.ended(call_id)
        node = self.nodes[place.node_id]
        key = (place.engine, place.model)
        node.ends(key, now)
        self.stirred.add(node.node_id)
        self.relieved.add(node.node_id)
        self._load_changed(node, key)
        if self.circuits.left(place, call_id):
            self.touch(node)

    def load_ended(self, place: Place, now: float, *, ok: bool) -> bool:
        """The model is in memory there (`ok`), or will not be; whether a load was under way."""
        ended = self.loads.ended(place, now, ok=ok)
        if ended:
            self.touch(self.nodes[place.node_id])
        return ended

    def first_byte(self, running: OpenCall, place: Place, now: float) -> bool:
        """Its answer has begun there. Whether other calls may go now."""
        running.first_byte_at, running.work_at_first_byte = now, self.nodes[place.node_id].work(now)
        self.affinity.served(running.call, place, now)
        roomier = self._touch_at(self.seats.first_byte(running.call.id, now))
        return self.load_ended(place, now, ok=True) or roomier

    def no_room(self, call_id: CallId, now: float) -> None:
        """The engine was full when the call came."""
        self._touch_at(self.seats.refused(call_id, now))

    def wanted(self, models: Iterable[ModelName], now: float) -> bool:
        """A call waits for one of these. Whether it may be tried where nobody knows how many run at once."""
        return self._touch_at(self.seats.wanted(models, now))

    def _touch_at(self, places: Iterable[Place]) -> bool:
        touched = False
        for place in places:
            self.touch(self.nodes[place.node_id])
            touched = True
        return touched

    def went_well(self, ended: OpenCall, place: Place, tokens: Tokens, now: float) -> None:
        """A call there was answered."""
        node = self.nodes[place.node_id]
        self.affinity.served(ended.call, place, now)
        self.usage.add(place.model, now)
        if node.teaches(now):
            self._learn(ended, node, place, tokens, now)
        if self.circuits.succeeded(place, ended.placed_at, now):
            self.touch(node)
        self.stirred.add(place.node_id)
        self.relieved.add(place.node_id)
        node.trouble_over(place)

    def _learn(self, ended: OpenCall, node: Node, place: Place, tokens: Tokens, now: float) -> None:
        if ended.found_loaded:  # else it tells of the load, which comes once
            self.latencies.add(place.node_id, place.model, now - ended.placed_at)
        if tokens.completion:
            self.lengths.add(ended.call, place.model, tokens.completion)
        spot = node.spot(place.engine, place.model)
        run = measuring.run(ended, node, tokens, now) if spot is not None else None
        if spot is not None and run is not None:
            gbps = node.heartbeat.hardware.memory_bandwidth_gbps
            self.paces.learn(node.node_id, place.model, spot.model.size_bytes, gbps, run)

    def _load_changed(self, node: Node, key: tuple[str, ModelName]) -> None:
        spot = node.spot(*key)
        if spot is not None and not spot.replicas:  # a load of its own begins or ends: memory for the others
            self.changed.add(node.node_id)
