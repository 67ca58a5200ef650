"""The models of a picture: where each is on disk and in memory, what runs and waits for it. No clock, no IO."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from msgspec import Struct

from coordinator.core.node import Node
from coordinator.core.spots import Spot
from shared.names import ModelName

MODELS_TOLD = 500
"""Those in memory first; the fleet's figures count all."""


class _Part(Struct, frozen=True):
    """What one node has of a model, by its beat."""

    digest: str
    quantization: str
    size_bytes: int
    loaded: bool
    context_length: int | None
    slots_total: int
    expires_at: str


class ModelRows:
    """Makes rows, and adds up anew what nodes have only where a beat said something else than the one before."""

    def __init__(self) -> None:
        self._parts: dict[str, tuple[Mapping[ModelName, Any], dict[ModelName, _Part]]] = {}
        self._sums: dict[ModelName, dict[str, Any]] = {}

    def rows(
        self, nodes: Collection[Node], held: Mapping[Any, int], rates: Mapping[tuple[str, str], float]
    ) -> dict[ModelName, dict[str, Any]]:
        """All, by name. `held`: calls that wait, by model; `rates`: tokens per second by node and model."""
        if self._heard(nodes):
            self._sums = _sums(parts for _, parts in self._parts.values())
        rows = {name: {**row, "held": held.get(name, 0)} for name, row in self._sums.items()}
        for node in nodes:
            for (_, name), running in node.in_flight.items():
                if name in rows:
                    rows[name]["running"] += running
        for (_, model), rate in rates.items():
            if row := rows.get(ModelName(model)):
                row["tokens_per_s"] = round(row["tokens_per_s"] + rate, 1)
        return rows

    def _heard(self, nodes: Collection[Node]) -> bool:
        """Whether any node has something else than before."""
        before, self._parts = self._parts, {}
        changed = False
        for node in nodes:
            then = before.get(node.node_id)
            if then is None or then[0] is not node.spots:
                now = {name: _part(spots) for name, spots in node.spots.items()}
                changed |= then is None or then[1] != now
                then = (node.spots, now)
            self._parts[node.node_id] = then
        return changed or before.keys() != self._parts.keys()


def told(rows: dict[ModelName, dict[str, Any]]) -> dict[ModelName, dict[str, Any]]:
    """MODELS_TOLD of them."""
    if len(rows) <= MODELS_TOLD:
        return rows
    return dict(sorted(rows.items(), key=lambda pair: (-pair[1]["nodes_loaded"], pair[0]))[:MODELS_TOLD])


def _part(spots: Iterable[Spot]) -> _Part:
    models = [spot.model for spot in spots]
    replicas = [replica for spot in spots for replica in spot.replicas]
    return _Part(
        digest=next((each.digest for each in models if each.digest), ""),
        quantization=next((each.quantization for each in models if each.quantization), ""),
        size_bytes=max(each.size_bytes for each in models),
        loaded=bool(replicas),
        context_length=_least(each.context_length for each in replicas),
        slots_total=sum(each.slots_total for each in replicas),
        expires_at=max((each.expires_at for each in replicas), default=""),
    )


def _sums(nodes: Iterable[Mapping[ModelName, _Part]]) -> dict[ModelName, dict[str, Any]]:
    """Over all nodes; calls and tokens come later."""
    rows: dict[ModelName, dict[str, Any]] = {}
    for parts in nodes:
        for name, part in parts.items():
            row = rows.get(name) or rows.setdefault(name, _unseen())
            row["digest"] = row["digest"] or part.digest
            row["quantization"] = row["quantization"] or part.quantization
            row["size_bytes"] = max(row["size_bytes"], part.size_bytes)
            row["nodes_loaded"] += part.loaded
            row["nodes_on_disk"] += 1
            row["context_length"] = _least((row["context_length"], part.context_length))
            row["slots_total"] += part.slots_total
            row["expires_at"] = max(row["expires_at"], part.expires_at)
    return rows


def _unseen() -> dict[str, Any]:
    return {
        "digest": "",
        "quantization": "",
        "size_bytes": 0,
        "nodes_loaded": 0,
        "nodes_on_disk": 0,
        "context_length": None,
        "slots_total": 0,
        "running": 0,
        "held": 0,
        "tokens_per_s": 0.0,
        "expires_at": "",
    }


def _least(lengths: Iterable[int | None]) -> int | None:
    return min((each for each in lengths if each), default=None)
