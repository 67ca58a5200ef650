"""What coordinator and agent say to each other of a swap: a model's newest version takes the place of the old one."""

from typing import Annotated

from msgspec import Meta, Struct

OrderId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,64}\Z")]
State = Annotated[str, Meta(max_length=32)]
Told = Annotated[str, Meta(max_length=512)]

TOLD_MOST = 512
"""Characters of an account."""
SWAPS_MOST = 16
"""Orders of which a reply or a beat may speak."""
SWAPPED, NEWEST, FAILED = "swapped", "already the newest", "failed"
ENDS = frozenset({SWAPPED, NEWEST, FAILED})
"""After these an order is over; other words are for people."""


class SwapOrder(Struct, frozen=True, kw_only=True):
    """Coordinator to agent, in each reply until the node tells its end."""

    order: OrderId
    model: Annotated[str, Meta(max_length=512)]


class SwapState(Struct, frozen=True, kw_only=True):
    """Agent to coordinator, in each beat for as long as the agent remembers the order."""

    order: OrderId
    state: State
    told: Told = ""


def cut(text: str) -> str:
    """As an account may be: no longer, and nothing that a terminal would obey."""
    return "".join(each if each.isprintable() else " " for each in text[:TOLD_MOST])
