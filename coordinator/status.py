"""/fleet/status and /fleet/queue: the fleet as scripts read it. Sizes in GiB where the name says gb."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from coordinator.core import owner
from coordinator.core.call import Place
from coordinator.core.cordon import Cordon
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.core.node import Node, Standing
from coordinator.waiting_calls import waiting_calls
from shared.names import ModelName, NodeId, normalise
from shared.wire import Capacity, Engine, EngineEvent, Heartbeat, Memory, Thermal

GIB = 2**30
WARM_C = 85.0
"""From here a node's temperature is a warning."""


class StatusReader:
    """Reads the Desk, changes nothing. Secrets of gateways are left out."""

    def __init__(
        self,
        desk: Desk,
        limits: Limits,
        further: Mapping[str, Callable[[], object]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`further`: parts of /fleet/status that others tell, by name."""
        self._desk = desk
        self._limits = limits
        self._further = further
        self._clock = clock

    def fleet(self) -> dict[str, Any]:
        """GET /fleet/status"""
        nodes = [self._node(node) for _, node in sorted(self._desk.fleet.nodes.items())]
        return {
            "fleet": {
                "nodes_total": len(nodes),
                "nodes_online": sum(node["status"] == "online" for node in nodes),
                "models_loaded": sum(len(node["ollama"]["models_loaded"]) for node in nodes),
                "requests_active": self._running(),
                "requests_held": len(self._desk.holding),
            },
            "nodes": nodes,
            "queues": self._queues(),
            **{name: tell() for name, tell in self._further.items()},
            "timestamp": time.time(),
        }

    def queue(self) -> dict[str, Any]:
        """GET /fleet/queue"""
        pending, running, now = len(self._desk.holding), self._running(), self._clock()
        return {
            "queue_depth": pending + running,
            "pending": pending,
            "in_flight": running,
            "completed": self._desk.completed,
            "failed": self._desk.failures,
            "estimated_wait_ms": self._desk.holding.retry_after(now) * 1000 if pending else 0,
            "nodes_online": sum(
                node.standing(now, self._limits).status == "online"
                for node in self._desk.fleet.nodes.values()
            ),
            "held": dict(sorted(self._desk.holding.counts().items())),
            **waiting_calls(self._desk, now),
            "queues": self._queues(),
            "timestamp": time.time(),
        }

    def callable_nodes(self) -> int:
        """Nodes that would be given a call now."""
        now = self._clock()
        return sum(
            node.standing(now, self._limits).status == "online"
            and not node.draining
            and not node.cordoned
            and owner.refusal(node.heartbeat.capacity) is None
            and any(spot.engine.up for spots in node.spots.values() for spot in spots)
            for node in self._desk.fleet.nodes.values()
        )

    def _running(self) -> int:
        return sum(node.in_flight.total() for node in self._desk.fleet.nodes.values())

    def node(self, node_id: NodeId) -> dict[str, Any]:
        """GET /fleet/nodes/{node_id}: its part of /fleet/status; of one that is away all that is known: the order."""
        node = self._desk.fleet.nodes.get(node_id)
        return (
            _absent(node_id, self._desk.fleet.cordons[node_id], self._clock())
            if node is None
            else self._node(node)
        )

    def _node(self, node: Node) -> dict[str, Any]:
        beat = node.heartbeat
        standing = with_owner(node.standing(self._clock(), self._limits), beat.capacity)
        return {
            "node_id": node.node_id,
            "status": standing.status,
            "state": standing.state,
            "reason": standing.reason,
            "cordoned": node.cordoned,
            "draining": node.draining,
            "drained": node.drained,
            "drain": _drain(node.cordon, self._clock()),
            **_machine(beat),
            "engines": [self._engine(engine, node) for engine in beat.engines],
            "ollama": _ollama(node),
            "capacity": _capacity(beat.capacity),
            "gateway_url": node.address,
            "ollama_url": node.address,
            "requests_active": node.in_flight.total(),
            "circuits": self._circuits(node),
            "events": [_event(each) for each in node.events.last],
            "agent_version": beat.agent_version,
            "heartbeat_age_s": round(self._clock() - node.last_heard, 3),
        }

    def _engine(self, engine: Engine, node: Node) -> dict[str, Any]:
        """With the tokens a second that one call alone was seen to get of each replica; null: nothing is known yet."""
        told = _engine(engine, node)
        for replica in told["replicas"]:
            pace = self._desk.fleet.paces.seen_tokens_per_s(node.node_id, normalise(replica["model"]))
            replica["tokens_per_s"] = None if pace is None else round(pace, 1)
        return told

    def _circuits(self, node: Node) -> list[dict[str, Any]]:
        """The ones that are not closed."""
        circuits, now = self._desk.fleet.circuits, self._clock()
        return [
            {
                "engine": place.engine,
                "model": place.model,
                "state": circuits.state(place, now),
                "open_for_s": round(max(0.0, circuits.until(place) - now), 1),
                "reason": circuits.reason(place, now),
            }
            for place in circuits.not_closed(node.node_id)
        ]

    def _queues(self) -> dict[str, Any]:
        queues: dict[str, Any] = {}
        seats = self._desk.fleet.seats
        for node_id, node in sorted(self._desk.fleet.nodes.items()):
            for model, spots in sorted(node.spots.items()):
                for spot in spots:
                    running = node.in_flight[spot.engine.name, model]
                    if running or spot.replicas:
                        queues[f"{node_id}:{model}"] = {
                            "node_id": node_id,
                            "model": model,
                            "engine": spot.engine.name,
                            "pending": 0,  # a held call is bound to no node: see `held` of /fleet/queue
                            "in_flight": running,
                            "concurrency": seats.proven(Place(node_id, spot.engine.name, model), spot),
                        }
        return queues


def _event(event: EngineEvent) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(event)
    del told["number"]
    return told


def _drain(cordon: Cordon | None, now: float) -> dict[str, Any] | None:
    """The drain that a person ordered here; None: none."""
    if cordon is None or cordon.deadline is None:
        return None
    return {"seconds_left": round(max(0.0, cordon.deadline - now), 3), "cut": cordon.cut}


def _absent(node_id: NodeId, cordon: Cordon | None, now: float) -> dict[str, Any]:
    drains = cordon is not None and cordon.drains
    return {
        "node_id": node_id,
        "status": "offline",
        "state": "absent",
        "reason": "nothing was heard of it since the coordinator's start",
        "cordoned": cordon is not None,
        "draining": drains,
        "drained": drains,
        "drain": _drain(cordon, now),
        "requests_active": 0,
    }


def _machine(beat: Heartbeat) -> dict[str, Any]:
    return {
        "hardware": {
            "memory_total_gb": _gib(beat.memory.total_bytes),
            "cores_physical": beat.cpu.cores_physical,
            "chip": beat.hardware.chip,
            "memory_bandwidth_gbps": beat.hardware.memory_bandwidth_gbps,
            "memory_bandwidth_source": beat.hardware.memory_bandwidth_source,
            "unified_memory": beat.hardware.unified_memory,
            "arch": beat.hardware.arch,
        },
        "cpu": msgspec.to_builtins(beat.cpu),
        "memory": _memory(beat.memory),
        "gpus": msgspec.to_builtins(beat.gpus),
        "disk": {
            "total_gb": _gib(beat.disk.total_bytes),
            "available_gb": _gib(beat.disk.available_bytes),
        },
        "thermal": _thermal(beat.thermal),
        "power": msgspec.to_builtins(beat.power),
    }


def _memory(memory: Memory) -> dict[str, Any]:
    return {
        "total_gb": _gib(memory.total_bytes),
        "used_gb": _gib(memory.total_bytes - memory.available_bytes),
        "available_gb": _gib(memory.available_bytes),
        "pressure": memory.pressure,
        "swap_total_gb": _gib(memory.swap_total_bytes),
        "swap_used_gb": _gib(memory.swap_used_bytes),
    }


def _thermal(thermal: Thermal) -> dict[str, Any]:
    celsius = thermal.temperature_c
    state = "unknown" if celsius is None else "warning" if celsius >= WARM_C else "nominal"
    return {"state": state, "temperature_c": celsius, "source": thermal.source}


def with_owner(standing: Standing, capacity: Capacity | None) -> Standing:
    """`paused`, and until when, for a node that would take calls if its owner let it."""
    why = owner.refusal(capacity)
    return Standing(standing.status, "paused", why) if why and standing.state == "ready" else standing


def _capacity(capacity: Capacity | None) -> dict[str, Any] | None:
    """The reference's shape and more; null: nothing is learned there."""
    if capacity is None:
        return None
    ceiling = capacity.ceiling_bytes
    return {
        "mode": capacity.mode,
        "ceiling_gb": None if ceiling is None else _gib(ceiling),
        "availability_score": round(capacity.availability, 4),
        "trend": round(capacity.trend, 4),
        "reason": capacity.reason,
        "override_active": capacity.override,
        "until": capacity.until,
        "learning_confidence": round(capacity.confidence, 4),
        "days_observed": round(capacity.days_observed, 3),
    }


def _engine(engine: Engine, node: Node) -> dict[str, Any]:
    """Every field, also those that a beat leaves out because they have their default."""
    told = msgspec.structs.asdict(engine)
    told["dialects"] = sorted(engine.dialects)
    told["models"] = [
        msgspec.structs.asdict(model) | {"abilities": sorted(model.abilities)} for model in engine.models
    ]
    told["replicas"] = [
        msgspec.structs.asdict(replica) | {"in_flight": node.in_flight[engine.name, normalise(replica.model)]}
        for replica in engine.replicas
    ]
    return told


def _ollama(node: Node) -> dict[str, Any]:
    """The reference's shape, whatever the engine."""
    loaded = [
        {
            "name": spot.model.name,
            "size_gb": _gib(replica.size_bytes),
            "requests_active": node.in_flight[spot.engine.name, name],
            "parameter_size": spot.model.parameter_size,
            "quantization": spot.model.quantization,
            "context_length": replica.context_length,
            "digest": spot.model.digest,
        }
        for name, spots in sorted(node.spots.items())
        for spot in spots
        for replica in spot.replicas
    ]
    available: dict[ModelName, str] = {
        name: spots[0].model.name for name, spots in sorted(node.spots.items())
    }
    return {
        "models_loaded": loaded,
        "models_available": list(available.values()),
        "requests_active": node.in_flight.total(),
    }


def _gib(count: int) -> float:
    return round(count / GIB, 3)
