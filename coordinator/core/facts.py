"""What the fleet as a whole tells about machines and models."""

import statistics

from coordinator.core.node import Node
from shared.names import ModelName, NodeId

MOVED = 0.1


class Facts:
    """Learned from beats."""

    def __init__(self) -> None:
        self.bandwidth_gbps = 0.0
        """Median over the nodes that tell theirs; 0: none does."""
        self.kv_bytes: dict[ModelName, float] = {}
        """Cache per token, from what replicas take beyond their weights."""
        self._bandwidths: dict[NodeId, float] = {}

    def heard(self, node: Node) -> bool:
        """A beat came. Whether the median moved, so that every node's load weighs anew."""
        for model, spots in node.spots.items():
            for spot in spots:
                for replica in spot.replicas:
                    tokens = (replica.context_length or 0) * replica.slots_total
                    beyond = replica.size_bytes - spot.model.size_bytes
                    if tokens and spot.model.size_bytes and beyond > 0:
                        self.kv_bytes[model] = beyond / tokens
        gbps = node.heartbeat.hardware.memory_bandwidth_gbps
        if self._bandwidths.get(node.node_id) == gbps:
            return False
        self._bandwidths[node.node_id] = gbps
        return self._moved()

    def forget(self, node_id: NodeId) -> None:
        """The node is gone for good."""
        self._bandwidths.pop(node_id, None)

    def _moved(self) -> bool:
        before = self.bandwidth_gbps
        median = statistics.median([each for each in self._bandwidths.values() if each] or [0.0])
        if before and abs(median - before) <= MOVED * before:
            return False
        self.bandwidth_gbps = median
        return median != before
