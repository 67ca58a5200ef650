"""When the gateway of each node is to be tried: asked for at every turn of time, so it walks over no fleet."""

from collections.abc import Mapping

from coordinator.core.alarms import Alarms
from coordinator.core.limits import Limits
from coordinator.core.node import Node
from shared.names import NodeId


class Probes:
    """A node says itself when it is due (`next_probe_at`)."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._at: Alarms[NodeId] = Alarms()

    def set(self, node: Node) -> None:
        """Something is different there."""
        self._at.set(node.next_probe_at, node.node_id)

    def drop(self, node_id: NodeId) -> None:
        """The node is gone for good."""
        self._at.drop(node_id)

    def due(self, nodes: Mapping[NodeId, Node], now: float) -> list[NodeId]:
        """Those of `nodes` to be tried now. Asking books the next attempt; of one that is offline its beat does."""
        if now < self._at.next_at():
            return []
        due = set(self._at.due(now))
        found = [node for node_id, node in nodes.items() if node_id in due]
        found = [node for node in found if node.standing(now, self._limits).status != "offline"]
        for node in found:
            node.next_probe_at = now + self._limits.probe_every_s
            self.set(node)
        return [node.node_id for node in found]
