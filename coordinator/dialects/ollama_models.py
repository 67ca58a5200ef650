"""Ollama's answers about models: /api/tags, /api/ps, /api/show, made from the catalogue.

Field names and order as Ollama's server gives them (source read: fb30760, August 2026); what is ours is
`fleet_nodes`, `fleet_node`, `fleet_in_flight` and `fleet_tokens_per_s` (null: not seen yet).
"""

from collections.abc import Iterable
from typing import Any

from coordinator.catalog import Entry
from shared.wire import Model

NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time: how Ollama writes a time that is not known."""
FOR_EVER = "2318-01-01T00:00:00Z"
"""When a model goes that stays: Ollama adds Go's longest duration, 292 years. Its command line says "Forever" of more
than 20 years, and "Stopping..." of any time that is past.
"""


def tags(entries: Iterable[Entry]) -> dict[str, Any]:
    """Every model on any node."""
    return {"models": [_tag(entry) for entry in entries]}


def running(entries: Iterable[Entry]) -> dict[str, Any]:
    """Every replica, a row each."""
    return {"models": [row for entry in entries for row in _replicas(entry)]}


def show(entry: Entry) -> dict[str, Any]:
    """One model, for engines that have no /api/show of their own."""
    model = entry.model
    family = model.family or "unknown"
    info: dict[str, Any] = {"general.architecture": family}
    if model.max_context:
        info[f"{family}.context_length"] = model.max_context
    return {
        "modelfile": "",
        "parameters": "",
        "template": "",
        "details": _details(model),
        "model_info": info,
        "capabilities": capabilities(model),
        "modified_at": model.modified_at or NEVER,
    }


def capabilities(model: Model) -> list[str]:
    """Our abilities in Ollama's words."""
    return sorted({"completion" if ability == "chat" else ability for ability in model.abilities})


def _tag(entry: Entry) -> dict[str, Any]:
    model = entry.model
    return {
        "name": entry.name,
        "model": entry.name,
        "modified_at": model.modified_at or NEVER,
        "size": model.size_bytes,
        "digest": model.digest,
        "details": {**_details(model), "fleet_nodes": entry.nodes},
        "capabilities": capabilities(model),
    }


def _replicas(entry: Entry) -> list[dict[str, Any]]:
    model = entry.model
    return [
        {
            "name": entry.name,
            "model": entry.name,
            "size": loaded.replica.size_bytes,
            "digest": model.digest,
            "details": _details(model),
            "expires_at": loaded.replica.expires_at or FOR_EVER,
            "size_vram": loaded.replica.vram_bytes or 0,
            "context_length": loaded.replica.context_length or 0,
            "fleet_node": loaded.node_id,
            "fleet_in_flight": loaded.in_flight,
            "fleet_tokens_per_s": None if loaded.tokens_per_s is None else round(loaded.tokens_per_s, 1),
        }
        for loaded in entry.loaded
    ]


def _details(model: Model) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": model.format,
        "family": model.family,
        "families": [model.family] if model.family else [],
        "parameter_size": model.parameter_size,
        "quantization_level": model.quantization,
    }
