"""Orders to swap a model, as they stand: node after node, so that never two of them load at once.

An order is told to its first node that is not done, in each reply, until a beat of that node tells its end. A node that
takes no order, or is not heard of, counts as failed, and the next one has its turn.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from shared.names import NodeId
from shared.swaps import ENDS, FAILED, SWAPS_MOST, SwapOrder, SwapState

TAKEN_WITHIN_S = 60.0
"""A node that beats, and does not say that it has the order."""
HEARD_WITHIN_S = 180.0
"""A node that had it, and is silent since."""
KEPT = 64
"""Orders; of those that are over the oldest make room."""
OPEN_MOST = SWAPS_MOST // 2
"""Orders that are not over: a node is never told of more than a reply may hold."""
NOT_YET = "not yet"


@dataclass
class Step:
    """One node's part."""

    node_id: NodeId
    state: str = NOT_YET
    told: str = ""
    since: float | None = None
    """It was told first, or heard of last; None: its turn has not come."""

    @property
    def over(self) -> bool:
        """Whatever came of it."""
        return self.state in ENDS


@dataclass
class Swap:
    """One order; steps in their turn."""

    order: str
    model: str
    """As its caller spelt it."""
    steps: list[Step] = field(default_factory=list)

    @property
    def turn(self) -> Step | None:
        """Of which node; None: the order is over."""
        return next((step for step in self.steps if not step.over), None)

    def status(self) -> dict[str, Any]:
        """For a person."""
        nodes = [{"node_id": step.node_id, "state": step.state, "told": step.told} for step in self.steps]
        return {"order": self.order, "model": self.model, "over": self.turn is None, "nodes": nodes}


class Swaps:
    """Those of this coordinator's life."""

    def __init__(self) -> None:
        self._known: dict[str, Swap] = {}

    @property
    def full(self) -> bool:
        """Whether no further order can be taken now."""
        return sum(swap.turn is not None for swap in self._known.values()) >= OPEN_MOST

    def ordered(self, order: str, model: str, nodes: Iterable[NodeId]) -> Swap:
        """A new one; `order` is no other's."""
        while len(self._known) >= KEPT:
            del self._known[next(each for each, swap in self._known.items() if swap.turn is None)]
        swap = self._known[order] = Swap(order, model, [Step(node_id) for node_id in nodes])
        return swap

    def known(self, order: str, now: float) -> Swap | None:
        """None: it was never given, or forgotten."""
        self._give_up(now)
        return self._known.get(order)

    def heard(self, node_id: NodeId, states: Iterable[SwapState], now: float) -> None:
        """A beat of that node."""
        for state in states:
            swap = self._known.get(state.order)
            step = swap.turn if swap else None
            if step is not None and step.node_id == node_id:
                step.state, step.told, step.since = state.state, state.told, now

    def for_node(self, node_id: NodeId, now: float) -> list[SwapOrder]:
        """What its reply says."""
        self._give_up(now)
        told = []
        for swap in self._known.values():
            step = swap.turn
            if step is not None and step.node_id == node_id:
                step.since = now if step.since is None else step.since
                told.append(SwapOrder(order=swap.order, model=swap.model))
        return told

    def _give_up(self, now: float) -> None:
        for swap in self._known.values():
            step = swap.turn
            if step is None:
                continue
            if step.since is None:
                step.since = now  # its turn begins
            waited = now - step.since
            if step.state == NOT_YET and waited > TAKEN_WITHIN_S:
                step.state, step.told = (
                    FAILED,
                    "it did not take the order: it is away, or its herd-node is older",
                )
            elif step.state != NOT_YET and waited > HEARD_WITHIN_S:
                step.state, step.told = FAILED, f"nothing was heard of it since it said: {step.state}"
