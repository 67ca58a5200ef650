"""Orders to swap, by plain values: whose turn it is, what a node is told, when it is given up."""

from typing import Any

from coordinator.core.swaps import HEARD_WITHIN_S, KEPT, OPEN_MOST, TAKEN_WITHIN_S, Swaps
from shared.names import NodeId
from shared.swaps import FAILED, NEWEST, SWAPPED, SwapOrder, SwapState

A, B = NodeId("a"), NodeId("b")


def says(swaps: Swaps, node: NodeId, state: str, now: float, order: str = "1") -> None:
    swaps.heard(node, [SwapState(order=order, state=state, told="so")], now)


def states(swaps: Swaps, now: float = 0.0, order: str = "1") -> list[str]:
    swap = swaps.known(order, now)
    assert swap is not None
    told: list[dict[str, Any]] = swap.status()["nodes"]
    return [each["state"] for each in told]


def test_one_node_after_another_and_each_is_told_until_it_is_done() -> None:
    swaps = Swaps()
    swaps.ordered("1", "m", [A, B])
    assert swaps.for_node(B, 0.0) == []
    assert swaps.for_node(A, 0.0) == [SwapOrder(order="1", model="m")]
    says(swaps, A, "starting", 1.0)
    assert swaps.for_node(A, 1.0) == [SwapOrder(order="1", model="m")]
    says(swaps, A, SWAPPED, 2.0)
    assert swaps.for_node(A, 2.0) == []
    assert swaps.for_node(B, 2.0) == [SwapOrder(order="1", model="m")]
    says(swaps, A, FAILED, 3.0)  # an old beat's word, out of its turn
    says(swaps, B, NEWEST, 3.0)
    assert states(swaps) == [SWAPPED, NEWEST]
    swap = swaps.known("1", 3.0)
    assert swap is not None
    assert swap.status()["over"]


def test_a_node_that_takes_no_order_or_falls_silent_is_given_up() -> None:
    swaps = Swaps()
    swaps.ordered("1", "m", [A, B])
    swaps.for_node(A, 10.0)
    assert states(swaps, 10.0 + TAKEN_WITHIN_S) == ["not yet", "not yet"]
    assert states(swaps, 10.1 + TAKEN_WITHIN_S) == [FAILED, "not yet"]
    now = 11.0 + TAKEN_WITHIN_S
    swaps.for_node(B, now)
    says(swaps, B, "draining", now)
    assert states(swaps, now + HEARD_WITHIN_S) == [FAILED, "draining"]
    says(swaps, B, "draining", now + HEARD_WITHIN_S)
    assert states(swaps, now + 2 * HEARD_WITHIN_S) == [FAILED, "draining"]
    assert states(swaps, now + 2 * HEARD_WITHIN_S + 1) == [FAILED, FAILED]


def test_what_is_kept_is_bounded_and_open_orders_are_never_forgotten() -> None:
    swaps = Swaps()
    swaps.ordered("open", "m", [A])
    for number in range(2 * KEPT):
        swaps.ordered(str(number), "m", [B])
        swaps.heard(B, [SwapState(order=str(number), state=SWAPPED)], 0.0)
    assert swaps.known("open", 0.0) is not None
    assert swaps.known("0", 0.0) is None
    assert swaps.known(str(2 * KEPT - 1), 0.0) is not None
    for number in range(OPEN_MOST - 1):
        assert not swaps.full
        swaps.ordered(f"more-{number}", "m", [B])
    assert swaps.full
