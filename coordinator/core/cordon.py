"""Nodes that a person has set aside: cordoned (no new calls), or drained (and what runs there ends by a deadline)."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from msgspec import Struct

from coordinator.core.call import Decisions, Freed, Place
from shared.errors import Draining
from shared.names import NodeId


class Cordon(Struct):
    """One node that takes no new calls until a person lifts it."""

    node_id: NodeId
    deadline: float | None = None
    """On the Desk's clock, after which what still runs there is ended; None: cordoned only, calls take their time."""
    cut: int = 0
    """Calls that the deadline ended without an answer."""

    @property
    def drains(self) -> bool:
        """Whether what runs there has a deadline."""
        return self.deadline is not None

    def over(self) -> Draining:
        """What a call is told that the deadline ends. Another node may be tried, as long as no byte was shown."""
        return Draining(f"{self.node_id} is drained: its running calls have had their time", retry_after=1)

    def counted(self, decisions: Decisions) -> Decisions:
        """What became of one such call, as it is."""
        self.cut += isinstance(decisions[0], Freed)
        return decisions


class _Open(Protocol):
    """A call; `place` is None while it waits."""

    place: Place | None


OpenT = TypeVar("OpenT", bound=_Open)


class Cordons:
    """By node id, whether the node is known, away or forgotten: no beat and no restart lifts one."""

    def __init__(self) -> None:
        self._by_node: dict[NodeId, Cordon] = {}

    def __getitem__(self, node_id: NodeId) -> Cordon | None:
        return self._by_node.get(node_id)

    def all(self) -> list[Cordon]:
        """Every one, by node id."""
        return [cordon for _, cordon in sorted(self._by_node.items())]

    def ordered(self, node_id: NodeId, deadline: float | None) -> None:
        """Sets the node aside. A cordon does not end a drain; a drain that is ordered again has the new deadline."""
        cordon = self._by_node.setdefault(node_id, Cordon(node_id))
        if deadline is not None:
            cordon.deadline, cordon.cut = deadline, 0

    def lifted(self, node_id: NodeId) -> None:
        """New calls may come again; running ones take their time."""
        self._by_node.pop(node_id, None)

    def overdue(self, calls: Iterable[OpenT], now: float) -> list[tuple[OpenT, Cordon]]:
        """Calls that run on a drained node after its deadline."""
        over = {
            cordon.node_id: cordon
            for cordon in self._by_node.values()
            if cordon.deadline is not None and cordon.deadline <= now
        }
        if not over:
            return []
        return [
            (call, over[call.place.node_id]) for call in calls if call.place and call.place.node_id in over
        ]
