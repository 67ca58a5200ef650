"""The nodes, their leases and what runs on each. Changed by the Desk only; everybody else gets values."""

import statistics
from collections.abc import Iterator

from coordinator.core import owner
from coordinator.core.call import Place, Placement
from coordinator.core.candidate import Candidate
from coordinator.core.latencies import Latencies
from coordinator.core.limits import Limits
from coordinator.core.node import Node, Spot, Standing
from shared.errors import CallerFault, NameTaken
from shared.names import ModelName, NodeId
from shared.wire import Heartbeat


class Fleet:
    """All nodes ever heard of, by id, and which of them have a model."""

    def __init__(self, limits: Limits) -> None:
        self.nodes: dict[NodeId, Node] = {}
        self.latencies = Latencies()
        self._limits = limits
        self._having: dict[ModelName, set[NodeId]] = {}
        self._bandwidth_gbps = 0.0
        self._placements = 0

    def heard(self, heartbeat: Heartbeat, address: str, now: float) -> Node:
        """Takes in a beat. Raises CallerFault for one that is older than what is known, NameTaken where that is
        because of another agent.
        """
        node = self.nodes.get(NodeId(heartbeat.node_id))
        if node is None:
            node = self.nodes[NodeId(heartbeat.node_id)] = Node(heartbeat, address, now)
            before: set[ModelName] = set()
        else:
            self._check_order(node, heartbeat, now)
            before = set(node.spots)
            node.heard(heartbeat, address, now, self._limits)
        for model in before - set(node.spots):
            self._having[model].discard(node.node_id)
        for model in set(node.spots) - before:
            self._having.setdefault(model, set()).add(node.node_id)
        known = [each.heartbeat.hardware.memory_bandwidth_gbps for each in self.nodes.values()]
        self._bandwidth_gbps = statistics.median([gbps for gbps in known if gbps] or [0.0])
        return node

    def _check_order(self, node: Node, heartbeat: Heartbeat, now: float) -> None:
        known = node.heartbeat
        if (heartbeat.epoch, heartbeat.seq) > (known.epoch, known.seq):
            return
        if heartbeat.epoch == known.epoch:
            raise CallerFault(f"beat {heartbeat.seq} of {node.node_id} is not newer than beat {known.seq}")
        # A clock may have gone back: once the lease has run out, the older epoch is all there is.
        if now - node.last_heard <= self._limits.lease_s and not known.leaving:
            raise NameTaken(
                f"another agent named {node.node_id} started later and is alive; give one of them a --node-id"
            )

    def forget(self, now: float) -> None:
        """Drops nodes that have long been silent and run nothing."""
        gone = [
            node
            for node in self.nodes.values()
            if now - node.last_heard > self._limits.forget_s and not node.in_flight
        ]
        for node in gone:
            del self.nodes[node.node_id]
            self.latencies.forget(node.node_id)
            for model in node.spots:
                self._having[model].discard(node.node_id)
        self._having = (
            {model: nodes for model, nodes in self._having.items() if nodes} if gone else self._having
        )

    def model_names(self) -> set[ModelName]:
        """Every model that some node has, reachable or not."""
        return {model for model, nodes in self._having.items() if nodes}

    def having(self, model: ModelName) -> Iterator[tuple[Node, Spot]]:
        """The nodes and engines that have the model."""
        for node_id in sorted(self._having.get(model, ())):
            node = self.nodes[node_id]
            for spot in node.spots[model]:
                yield node, spot

    def candidate(
        self, node: Node, standing: Standing, spot: Spot, model: ModelName, now: float
    ) -> Candidate:
        """The place as the signals see it."""
        beat = node.heartbeat
        key = (spot.engine.name, model)
        unloaded_at = node.unloaded_at.get(model)
        discrete = beat.gpus and not beat.hardware.unified_memory
        free = sum(gpu.vram_free_bytes for gpu in beat.gpus) if discrete else beat.memory.available_bytes
        return Candidate(
            place=Place(node.node_id, *key),
            engine_model=spot.model.name,
            loaded=bool(spot.replicas),
            unloaded_for_s=None if unloaded_at is None else now - unloaded_at,
            slots=spot.slots,
            in_flight=node.in_flight[key],
            node_in_flight=node.in_flight.total(),
            model_bytes=spot.model.size_bytes,
            free_bytes=free
            if beat.capacity is None
            else owner.room(beat.capacity, free, owner.resident(beat)),
            memory_bytes=sum(gpu.vram_total_bytes for gpu in beat.gpus)
            if discrete
            else beat.memory.total_bytes,
            context_length=spot.context_length,
            max_context=spot.model.max_context,
            bandwidth_gbps=beat.hardware.memory_bandwidth_gbps,
            fleet_bandwidth_gbps=self._bandwidth_gbps,
            availability_trend=owner.trend(beat.capacity),
            latency_p75_s=self.latencies.p75(node.node_id, model),
            troubled=node.troubled(*key, now) or standing.status != "online",
            last_used=node.last_used[key],
        )

    def take(self, place: Place) -> None:
        """A call starts there."""
        node = self.nodes[place.node_id]
        self._placements += 1
        node.in_flight[place.engine, place.model] += 1
        node.last_used[place.engine, place.model] = self._placements

    def free(self, place: Place) -> None:
        """A call has ended there."""
        running = self.nodes[place.node_id].in_flight
        key = (place.engine, place.model)
        running[key] -= 1
        assert running[key] >= 0, f"more calls ended than began at {place}"  # noqa: S101 - an invariant
        if not running[key]:
            del running[key]

    def placement(
        self, candidate: Candidate, scores: dict[str, float], retries: int, *, fallback: bool
    ) -> Placement:
        """Everything needed to carry a call to that place."""
        place = candidate.place
        node = self.nodes[place.node_id]
        spot = next(each for each in node.spots[place.model] if each.engine.name == place.engine)
        return Placement(
            place=place,
            target=node.target(place.engine),
            engine_kind=spot.engine.kind,
            engine_model=spot.model.name,
            dialects=spot.engine.dialects,
            context_length=spot.context_length,
            scores=scores,
            retries=retries,
            fallback=fallback,
        )
