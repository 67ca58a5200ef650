"""The nodes of a picture, one row each. Sizes in bytes; null: not told. No clock, no IO."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from coordinator.core.limits import Limits
from coordinator.core.node import Node, Standing
from coordinator.health.engine_checks import unsafe
from coordinator.node_status import with_owner
from shared.names import normalise
from shared.wire import Engine, Gpu, Heartbeat

GPUS_TOLD = 16
REPLICAS_TOLD = 32
"""Of one engine."""


class NodeRows:
    """Makes rows, and gives that of before where nothing is different: so it is with most of a thousand nodes."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._made: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {}

    def rows(
        self, nodes: Iterable[Node], now: float, rates: Mapping[str, float], ttfts: Mapping[str, float]
    ) -> dict[str, dict[str, Any]]:
        """By name. `now` on the Desk's clock; tokens per second and seconds to the first byte by node."""
        made: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {}
        for node in nodes:
            name = node.node_id
            standing = with_owner(node.standing(now, self._limits), node.heartbeat.capacity)
            rate, ttft = rates.get(name, 0.0), ttfts.get(name)
            of = (standing, node.cordoned, node.draining, node.address, dict(node.in_flight), rate, ttft)
            before = self._made.get(name)
            same = before is not None and before[0][0] is node.heartbeat and before[0][1:] == of
            row = before[1] if before is not None and same else node_row(node, standing, rate, ttft)
            made[name] = ((node.heartbeat, *of), row)
        self._made = made
        return {name: row for name, (_, row) in made.items()}


def node_row(node: Node, standing: Standing, tokens_per_s: float, ttft_s: float | None) -> dict[str, Any]:
    """Of one node as it stands."""
    beat = node.heartbeat
    return {
        "status": standing.status,
        "state": standing.state,
        "reason": standing.reason,
        "cordoned": node.cordoned,
        "draining": node.draining,
        "unsafe": unsafe(standing, beat.engines),
        "started_at": beat.epoch // 1000,
        "gateway_url": node.address,
        "agent_version": beat.agent_version,
        "chip": beat.hardware.chip,
        "requests_active": node.in_flight.total(),
        "tokens_per_s": round(tokens_per_s, 1),
        "ttft_s": ttft_s,
        "engines": [_engine(each, node) for each in there(beat.engines)],
        "models_on_disk": len(node.spots),
        **_machine(beat),
    }


def there(engines: Sequence[Engine]) -> list[Engine]:
    """Without an Ollama that is only looked for: never seen up, beside another engine, so that nobody misses it."""
    alone = len(engines) == 1
    return [each for each in engines if alone or each.kind != "ollama" or not never_was_up(each)]


def never_was_up(engine: Engine) -> bool:
    """Since its agent's start, which remembers what it knew of one that was."""
    return not (engine.up or engine.version or engine.models)


def _machine(beat: Heartbeat) -> dict[str, Any]:
    gpus = beat.gpus[:GPUS_TOLD]
    warmest = [each.temperature_c for each in gpus if each.temperature_c is not None]
    if beat.thermal.temperature_c is not None:
        warmest.append(beat.thermal.temperature_c)
    return {
        "cpu_pct": round(beat.cpu.utilization_pct),
        "memory_total_bytes": beat.memory.total_bytes,
        "memory_used_bytes": beat.memory.total_bytes - beat.memory.available_bytes,
        "temperature_c": max(warmest, default=None),
        "power_watts": _sum(each.power_watts for each in gpus),
        "battery_pct": beat.power.battery_pct if beat.power.on_battery else None,
        "gpus": [_gpu(each) for each in gpus],
    }


def _gpu(gpu: Gpu) -> dict[str, Any]:
    used = gpu.vram_used_bytes
    return {
        "name": gpu.name,
        "utilization_pct": None if gpu.utilization_pct is None else round(gpu.utilization_pct),
        "vram_total_bytes": gpu.vram_total_bytes,
        "vram_used_bytes": gpu.vram_total_bytes - gpu.vram_free_bytes if used is None else used,
        "temperature_c": gpu.temperature_c,
        "power_watts": gpu.power_watts,
    }


def _engine(engine: Engine, node: Node) -> dict[str, Any]:
    return {
        "name": engine.name,
        "kind": engine.kind,
        "version": engine.version,
        "up": engine.up,
        "reason": engine.reason,
        "replicas": [
            {
                "model": normalise(each.model),
                "size_bytes": each.size_bytes,
                "vram_bytes": each.vram_bytes,
                "context_length": each.context_length,
                "slots_total": each.slots_total,
                "in_flight": node.in_flight[engine.name, normalise(each.model)],
            }
            for each in engine.replicas[:REPLICAS_TOLD]
        ],
    }


def _sum(values: Any) -> float | None:
    told = [each for each in values if each is not None]
    return round(sum(told), 1) if told else None


def by_node(rates: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Tokens per second of each node, of those by node and model."""
    found: dict[str, float] = {}
    for (node_id, _), rate in rates.items():
        found[node_id] = found.get(node_id, 0.0) + rate
    return found
