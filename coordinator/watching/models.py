"""The models of a picture: where each is on disk and in memory, what runs and waits for it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from coordinator.core.node import Node
from coordinator.core.spots import Spot

MODELS_TOLD = 500
"""Those in memory first."""


def model_rows(
    nodes: Iterable[Node], held: Mapping[Any, int], rates: Mapping[tuple[str, str], float]
) -> dict[str, dict[str, Any]]:
    """By name. `held`: calls that wait, by model; `rates`: tokens per second by node and model."""
    rows: dict[str, dict[str, Any]] = {}
    for node in nodes:
        for name, spots in node.spots.items():
            row = rows.setdefault(name, _unseen(held.get(name, 0)))
            row["nodes_on_disk"] += 1
            row["nodes_loaded"] += any(spot.replicas for spot in spots)
            row["tokens_per_s"] = round(row["tokens_per_s"] + rates.get((node.node_id, name), 0.0), 1)
            for spot in spots:
                _add(row, spot, node.in_flight[spot.engine.name, name])
    if len(rows) <= MODELS_TOLD:
        return rows
    return dict(sorted(rows.items(), key=lambda pair: (-pair[1]["nodes_loaded"], pair[0]))[:MODELS_TOLD])


def _unseen(held: int) -> dict[str, Any]:
    return {
        "digest": "",
        "quantization": "",
        "size_bytes": 0,
        "nodes_loaded": 0,
        "nodes_on_disk": 0,
        "context_length": None,
        "slots_total": 0,
        "running": 0,
        "held": held,
        "tokens_per_s": 0.0,
        "expires_at": "",
    }


def _add(row: dict[str, Any], spot: Spot, running: int) -> None:
    row["digest"] = row["digest"] or spot.model.digest
    row["quantization"] = row["quantization"] or spot.model.quantization
    row["size_bytes"] = max(row["size_bytes"], spot.model.size_bytes)
    row["running"] += running
    for replica in spot.replicas:
        row["slots_total"] += replica.slots_total
        lengths = (row["context_length"], replica.context_length)
        row["context_length"] = min((each for each in lengths if each), default=None)
        row["expires_at"] = max(row["expires_at"], replica.expires_at)
