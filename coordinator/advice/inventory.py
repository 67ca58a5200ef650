"""/dashboard/api/model-management: what lies on each node's disk, and whether anybody uses it."""

from collections.abc import Iterable
from typing import Any

from coordinator.advice.holdings import Held, Holdings
from coordinator.advice.use import ModelUse

GIB = 2**30
DAY_S = 86_400.0
UNUSED_DAYS = 7.0
"""After so many without a call a model counts as unused."""


def inventory(nodes: Iterable[Holdings], use: Iterable[ModelUse], now: float) -> dict[str, Any]:
    """Sizes in GiB, times in seconds of Unix time; null is never, or unknown."""
    used = {(each.node_id, each.model): each for each in use}
    return {"nodes": [_node(node, used, now) for node in nodes]}


def _node(node: Holdings, used: dict[tuple[str, Any], ModelUse], now: float) -> dict[str, Any]:
    models = [_model(held, used.get((node.node_id, held.key)), now) for held in node.models]
    models.sort(key=lambda each: (not each["loaded_in_vram"], -(each["last_used"] or 0), each["name"]))
    return {
        "node_id": node.node_id,
        "status": node.status,
        "models": models,
        "total_size_gb": _gib(sum(held.size for held in node.models)),
        "disk_available_gb": _gib(node.disk_free),
        "disk_total_gb": _gib(node.disk_total),
    }


def _model(held: Held, use: ModelUse | None, now: float) -> dict[str, Any]:
    days = None if use is None else max(0.0, now - use.last_used) / DAY_S
    return {
        "name": held.name,
        "display_name": held.display_name,
        "category": held.category,
        "engine": held.engine,
        "size_gb": _gib(held.size),
        "parameter_size": held.parameter_size,
        "quantization": held.quantization,
        "last_used": use.last_used if use else None,
        "days_unused": None if days is None else round(days, 1),
        "total_requests": use.total if use else 0,
        "loaded_in_vram": held.loaded,
        "unused": days is None or days > UNUSED_DAYS,
    }


def _gib(count: int) -> float:
    return round(count / GIB, 3)
