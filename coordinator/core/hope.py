"""What a node may be hoped to do of which nothing is known: as much over its claim as the best that was measured."""

from coordinator.core.learned import Figure
from shared.names import NodeId

LEAST = 0.5
"""Seconds over claimed ones, at the least. Without hope a node would never be tried where calls come one by one; with
too much a slow one would be tried again and again."""
FROM = 3
"""Samples of a node that raise it."""
NOTED = 0.05
"""Part by which a node's figure has to change before it is looked at again."""


class Hope:
    """Changed by what is learned; costs nothing as long as that stays nearly the same."""

    def __init__(self) -> None:
        self.value = 1.0
        """Seconds over claimed ones: LEAST to 1."""
        self._noted: dict[NodeId, float] = {}

    def learned(self, node_id: NodeId, over_claim: Figure) -> bool:
        """A node took so long, over its claim. Whether there is another hope now."""
        noted, now = self._noted.get(node_id, 1.0), over_claim.value
        if over_claim.count < FROM or abs(now / noted - 1) <= NOTED:
            return False
        self._noted[node_id] = now
        return self._anew()

    def forget(self, node_id: NodeId) -> bool:
        """The node is gone for good. Whether there is another hope now."""
        self._noted.pop(node_id, None)
        return self._anew()

    def _anew(self) -> bool:
        before = self.value
        self.value = max(LEAST, min(1.0, min(self._noted.values(), default=1.0)))
        return self.value != before
