"""A node's part of /fleet/status, from its beat and what runs there. Sizes in GiB where the name says gb. Pure."""

from typing import Any

import msgspec

from coordinator.core import owner
from coordinator.core.cordon import Cordon
from coordinator.core.node import Node, Standing
from shared.names import ModelName, NodeId, normalise
from shared.wire import Capacity, Engine, EngineEvent, Heartbeat, Memory, Thermal

GIB = 2**30
WARM_C = 85.0
"""From here a node's temperature is a warning."""


def event_told(event: EngineEvent) -> dict[str, Any]:
    """Without its number, which is between coordinator and agent."""
    told: dict[str, Any] = msgspec.to_builtins(event)
    del told["number"]
    return told


def drain_told(cordon: Cordon | None, now: float) -> dict[str, Any] | None:
    """The drain that a person ordered here; None: none."""
    if cordon is None or cordon.deadline is None:
        return None
    return {"seconds_left": round(max(0.0, cordon.deadline - now), 3), "cut": cordon.cut}


def absent(node_id: NodeId, cordon: Cordon | None, now: float) -> dict[str, Any]:
    """One of which nothing but a person's order is known."""
    drains = cordon is not None and cordon.drains
    return {
        "node_id": node_id,
        "status": "offline",
        "state": "absent",
        "reason": "nothing was heard of it since the coordinator's start",
        "cordoned": cordon is not None,
        "draining": drains,
        "drained": drains,
        "drain": drain_told(cordon, now),
        "unsafe": [],
        "requests_active": 0,
    }


def machine_told(beat: Heartbeat) -> dict[str, Any]:
    """What its agent says of it."""
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


def capacity_told(capacity: Capacity | None) -> dict[str, Any] | None:
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


def engine_told(engine: Engine, node: Node) -> dict[str, Any]:
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


def ollama_told(node: Node) -> dict[str, Any]:
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
        for name in sorted({model for (_, model), _ in node.replicas})
        for spot in node.spots[name]
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
