"""How long finished calls took, per node and model; what the wait signal reads."""

from collections.abc import Mapping

from coordinator.core.newest import Newest
from shared.names import ModelName, NodeId

KEPT = 64
"""Newest calls per node and model that count."""
MODELS_KEPT = 256
"""Models of each node of which anything is remembered, those that answered last."""
NODES_KEPT = 4_096
"""Nodes, likewise: those of earlier days are remembered at the start, and may never come again."""
ANSWER_TOKENS = 100
"""Length of the answer assumed where nothing was measured yet."""
GB = 1e9
_NONE: Mapping[ModelName, float] = {}


class Latencies:
    """Learns from finished calls only."""

    def __init__(self) -> None:
        self._seconds: dict[NodeId, dict[ModelName, Newest]] = {}
        """Both in order of use."""
        self._p75: dict[NodeId, dict[ModelName, float]] = {}

    def add(self, node_id: NodeId, model: ModelName, seconds: float) -> None:
        """A call for `model` ended well on `node_id`."""
        models = self._seconds.pop(node_id, None)
        if models is None:
            models = {}
        kept = models.pop(model, None)
        if kept is None:
            kept = Newest(KEPT)
        kept.add(seconds)
        models[model] = kept
        self._seconds[node_id] = models
        self._p75.setdefault(node_id, {})[model] = kept.ordered[int(len(kept) * 0.75)]
        if len(models) > MODELS_KEPT:
            oldest = next(iter(models))
            del models[oldest], self._p75[node_id][oldest]
        if len(self._seconds) > NODES_KEPT:
            self.forget(next(iter(self._seconds)))

    def forget(self, node_id: NodeId) -> None:
        """The node is gone for good."""
        self._seconds.pop(node_id, None)
        self._p75.pop(node_id, None)

    def p75(self, node_id: NodeId, model: ModelName) -> float | None:
        """Seconds; None before the first call."""
        return self.of(node_id).get(model)

    def of(self, node_id: NodeId) -> Mapping[ModelName, float]:
        """The same for each model of which that node has finished a call."""
        return self._p75.get(node_id, _NONE)


def expected_s(model_bytes: int, bandwidth_gbps: float) -> float:
    """Seconds of a call where nothing was measured yet."""
    return ANSWER_TOKENS / expected_tokens_per_s(model_bytes, bandwidth_gbps)


def expected_tokens_per_s(model_bytes: int, bandwidth_gbps: float) -> float:
    """A first guess from bandwidth (GB/s; 0: unknown) and model size (0: unknown)."""
    size_gb = max(1.0, model_bytes / GB)
    if bandwidth_gbps:
        return max(10.0, bandwidth_gbps * 1.2 / max(1.0, size_gb / 10))
    return max(1.0, 100 / size_gb)
