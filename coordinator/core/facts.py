"""What the fleet as a whole tells about machines and models."""

import statistics
from collections.abc import Iterator
from typing import NamedTuple

from coordinator.core.node import Node
from coordinator.core.spots import Spot
from shared.names import ModelName, NodeId

MOVED = 0.1
"""A figure counts as another one where it is so much more or less: beats are noisy, and all who read it weigh anew."""
MODELS_KEPT = 4_096
"""Models whose cache is known, those heard of last."""


class Moved(NamedTuple):
    """Figures that are others since a beat."""

    bandwidth: bool = False
    """Every node's load weighs anew."""
    models: frozenset[ModelName] = frozenset()
    """So do loads of these, wherever they are."""


class Facts:
    """Learned from beats. Each figure is the median over the nodes that tell theirs."""

    def __init__(self) -> None:
        self.bandwidth_gbps = 0.0
        """0: no node tells its own."""
        self.kv_bytes: dict[ModelName, float] = {}
        """Cache per token, from what replicas take beyond their weights."""
        self._bandwidths: dict[NodeId, float] = {}
        self._caches: dict[ModelName, dict[NodeId, float]] = {}
        """In order of use."""

    def heard(self, node: Node) -> Moved:
        """A beat came. Which figures moved by it."""
        models = frozenset([model for model, told in _caches(node) if self._cache(model, node.node_id, told)])
        gbps = node.heartbeat.hardware.memory_bandwidth_gbps
        if self._bandwidths.get(node.node_id) == gbps:
            return Moved(models=models)
        self._bandwidths[node.node_id] = gbps
        median = statistics.median([each for each in self._bandwidths.values() if each] or [0.0])
        if not _is_other(self.bandwidth_gbps, median):
            return Moved(models=models)
        self.bandwidth_gbps = median
        return Moved(bandwidth=True, models=models)

    def forget(self, node_id: NodeId) -> None:
        """The node is gone for good. What it told moves nothing before the next that tells another figure."""
        self._bandwidths.pop(node_id, None)
        for told in self._caches.values():
            told.pop(node_id, None)

    def _cache(self, model: ModelName, node_id: NodeId, told: float) -> bool:
        """Whether the figure of the model moved, since it takes so many bytes a token on that node."""
        of_nodes = self._caches.pop(model, None) or {}
        self._caches[model] = of_nodes  # to the end
        if len(self._caches) > MODELS_KEPT:
            oldest = next(iter(self._caches))
            del self._caches[oldest], self.kv_bytes[oldest]
        if not _is_other(of_nodes.get(node_id, 0.0), told):
            return False
        of_nodes[node_id] = told
        median = statistics.median(of_nodes.values())
        if not _is_other(self.kv_bytes.get(model, 0.0), median):
            return False
        self.kv_bytes[model] = median
        return True


def _caches(node: Node) -> Iterator[tuple[ModelName, float]]:
    """Bytes per token of each model that is in memory there; the most, where its replicas differ."""
    for model, spots in node.spots.items():
        if told := max((each for spot in spots for each in _of_spot(spot)), default=0.0):
            yield model, told


def _of_spot(spot: Spot) -> Iterator[float]:
    for replica in spot.replicas:
        tokens = (replica.context_length or 0) * replica.slots_total
        beyond = replica.size_bytes - spot.model.size_bytes
        if tokens and spot.model.size_bytes and beyond > 0:
            yield beyond / tokens


def _is_other(before: float, now: float) -> bool:
    return now != before and not (before and abs(now - before) <= MOVED * before)
