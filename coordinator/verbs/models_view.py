"""Models over the whole fleet, as rows. Pure: /fleet/status in, a table out."""

from typing import Any

from coordinator.verbs.columns import Table, number
from coordinator.verbs.human import size
from coordinator.verbs.ps import short_id
from shared.names import normalise

HEADINGS = ("NAME", "QUANT", "SIZE", "NODES", "CONTEXT", "SLOTS", "IN-FLIGHT", "TOK/S")
WIDE = ("ID", "PARAMETERS", "ABILITIES", "LOADED ON", "ON DISK OF")


def models_of(status: dict[str, Any]) -> list[dict[str, Any]]:
    """By name: what each is, as the first node tells it, and `nodes`: where it is, and how it runs there."""
    found: dict[str, dict[str, Any]] = {}
    for node in status["nodes"]:
        if node["status"] == "offline":
            continue
        for engine in node["engines"]:
            for model in engine["models"]:
                entry = found.setdefault(normalise(model["name"]), _described(model))
                entry["nodes"].append(_held(node, engine, model))
    return [entry for _, entry in sorted(found.items())]


def models_table(told: dict[str, Any], wide: bool) -> Table:
    """One row a model. NODES: loaded/on disk."""
    return Table(HEADINGS + WIDE * wide, [_row(each, wide) for each in told["models"]])


def model_names(told: dict[str, Any]) -> list[str]:
    """Every model's."""
    return [each["name"] for each in told["models"]]


def _described(model: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": normalise(model["name"]),
        "size_bytes": model["size_bytes"],
        "quantization": model["quantization"],
        "parameter_size": model["parameter_size"],
        "family": model["family"],
        "max_context": model["max_context"],
        "abilities": model["abilities"],
        "nodes": [],
    }


def _held(node: dict[str, Any], engine: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    replicas = [each for each in engine["replicas"] if normalise(each["model"]) == normalise(model["name"])]
    return {
        "node_id": node["node_id"],
        "engine": engine["name"],
        "kind": engine["kind"],
        "up": engine["up"],
        "digest": model["digest"],
        "loaded": bool(replicas),
        "context_length": max((each["context_length"] or 0 for each in replicas), default=0),
        "slots": sum(each["slots_total"] for each in replicas),
        "in_flight": sum(each["in_flight"] for each in replicas),
        "tokens_per_s": next((each["tokens_per_s"] for each in replicas), None),
    }


def _row(model: dict[str, Any], wide: bool) -> tuple[str, ...]:
    held = model["nodes"]
    loaded = [each for each in held if each["loaded"]]
    speeds = [each["tokens_per_s"] for each in loaded if each["tokens_per_s"] is not None]
    narrow = (
        model["name"],
        model["quantization"],
        size(model["size_bytes"]),
        f"{len(loaded)}/{len(held)}",
        _range([each["context_length"] for each in loaded]),
        str(sum(each["slots"] for each in loaded)) if loaded else "",
        str(sum(each["in_flight"] for each in held)),
        number(max(speeds, default=None), 1),
    )
    return (
        narrow
        + (
            ",".join(dict.fromkeys(short_id(each["digest"]) for each in held)),
            model["parameter_size"],
            ",".join(model["abilities"]),
            ",".join(each["node_id"] for each in loaded),
            ",".join(each["node_id"] for each in held),
        )
        * wide
    )


def _range(contexts: list[int]) -> str:
    known = sorted({each for each in contexts if each})
    return "" if not known else f"{known[0]}-{known[-1]}" if len(known) > 1 else str(known[0])
