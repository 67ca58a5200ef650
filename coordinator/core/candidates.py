"""A place of the fleet as one flat value: where memory, cache and load are put together for the signals."""

import math

from coordinator.core import owner
from coordinator.core.call import Place
from coordinator.core.candidate import WARM_FOR_S, Candidate
from coordinator.core.fleet import Fleet
from coordinator.core.latencies import expected_s
from coordinator.core.memory import free_bytes, total_bytes
from coordinator.core.node import Node, Standing
from coordinator.core.spots import Spot
from shared.names import ModelName
from shared.wire import Heartbeat

USUAL_CONTEXT = 4096
"""Tokens with which an engine is taken to load a model, where it does not tell."""


class Candidates:
    """Reads the fleet, changes nothing."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def of(self, node: Node, standing: Standing, spot: Spot, model: ModelName, now: float) -> Candidate:
        """The place as the signals see it."""
        beat = node.heartbeat
        key = (spot.engine.name, model)
        unloaded_at = node.unloaded_at.get(model)
        return Candidate(
            place=Place(node.node_id, *key),
            engine_model=spot.model.name,
            loaded=bool(spot.replicas) or self._fleet.loads.warm(Place(node.node_id, *key), now),
            unloaded_for_s=None if unloaded_at is None else now - unloaded_at,
            slots=self._fleet.seats.of(node, spot, Place(node.node_id, *key)),
            in_flight=node.in_flight[key],
            node_in_flight=node.running,
            others_s=self.others_s(node, key),
            model_bytes=spot.model.size_bytes,
            free_bytes=max(0, _owners_leave(beat) - _loading_bytes(node, key)),
            memory_bytes=total_bytes(beat),
            kv_bytes_per_token=self._fleet.facts.kv_bytes.get(model, 0.0) or spot.model.kv_bytes_per_token,
            load_context=_load_context(spot),
            slots_when_loaded=spot.engine.slots_per_model,
            context_length=node.contexts.get(key, spot.context_length),
            default_context=spot.default_context,
            fixed_context=spot.fixed_context,
            max_context=spot.model.max_context,
            bandwidth_gbps=node.bandwidth_gbps,
            fleet_bandwidth_gbps=self._fleet.facts.bandwidth_gbps,
            latency_p75_s=self._fleet.latencies.p75(node.node_id, model),
            troubled=node.troubled(*key, now) or standing.status != "online",
            availability_trend=owner.trend(beat.capacity),
            last_used=node.last_used[key],
        )

    def cools_at(self, candidate: Candidate, node: Node) -> float:
        """When it will be worth less by time alone: no beat has shown the load that ended there, or the model left
        memory half an hour ago. inf: never.
        """
        if candidate.loaded:
            return self._fleet.loads.warm_until(candidate.place)
        if candidate.unloaded_for_s is None or candidate.unloaded_for_s >= WARM_FOR_S:
            return math.inf
        return node.unloaded_at[candidate.place.model] + WARM_FOR_S

    def others_s(self, node: Node, own: tuple[str, ModelName] | None = None) -> float:
        """What the calls there are expected to take together, but for those of one place."""
        seconds = 0.0
        known = self._fleet.latencies.of(node.node_id)
        for key, number in node.in_flight.items():
            if key == own:
                continue
            latency = known.get(key[1])
            if latency is None:
                spot = node.spot(*key)
                size = spot.model.size_bytes if spot else 0
                latency = expected_s(size, node.bandwidth_gbps)
            seconds += number * latency
        return seconds


def _loading_bytes(node: Node, own: tuple[str, ModelName]) -> int:
    """Memory that other models will take, which calls there are having loaded."""
    loading = [node.spot(*key) for key in node.in_flight if key != own]
    return sum(spot.model.size_bytes for spot in loading if spot and not spot.replicas)


def _owners_leave(beat: Heartbeat) -> int:
    """Free memory, within what the machine's owner leaves to models."""
    free = free_bytes(beat)
    return free if beat.capacity is None else owner.room(beat.capacity, free, owner.resident(beat))


def _load_context(spot: Spot) -> int:
    """Tokens of cache that a load takes where no call asks for more, over all slots."""
    usual = spot.engine.default_context or USUAL_CONTEXT
    return min(usual, spot.model.max_context or usual) * spot.engine.slots_per_model
