"""What engines were granted and have not taken yet: it is not free, though the readings still say so. Pure."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from agent.models.placement import Card


class Use(Struct, frozen=True):
    """What processes take, in bytes."""

    gpu_bytes: Mapping[str, int] | None = None
    """By the card's identifier; None: the driver does not tell of these processes."""
    host_bytes: int = 0
    """Resident."""
    processes: frozenset[int] = frozenset()
    """Those of which the driver tells."""


class Claim(Struct, frozen=True):
    """What one engine was granted, in bytes."""

    gpu_bytes: Mapping[str, int] = {}
    """By the card's identifier."""
    host_bytes: int = 0
    factor: float = 1.0
    """By which the estimate had been corrected."""


def not_taken_yet(claim: Claim, use: Use, *, loaded: bool) -> Claim:
    """The rest of a claim. What a driver tells nothing of is all still to come, until the model is loaded."""
    if use.gpu_bytes is None:
        gpu = {} if loaded else dict(claim.gpu_bytes)
    else:
        gpu = {card: max(0, size - use.gpu_bytes.get(card, 0)) for card, size in claim.gpu_bytes.items()}
    return Claim(gpu, max(0, claim.host_bytes - use.host_bytes))


def left(
    cards: Sequence[Card], host_free_bytes: int, claims: Iterable[Claim]
) -> tuple[tuple[Card, ...], int]:
    """Readings without what is claimed of them."""
    every = list(claims)
    there = tuple(
        msgspec.structs.replace(
            card,
            free_bytes=max(0, card.free_bytes - sum(each.gpu_bytes.get(card.uuid, 0) for each in every)),
        )
        for card in cards
    )
    return there, max(0, host_free_bytes - sum(each.host_bytes for each in every))


def came_back(before: Mapping[str, int], now: Mapping[str, int], since: Iterable[Claim], slack: int) -> bool:
    """Whether each card has as much free as before an engine was there, but for what others were granted `since`."""
    others = list(since)
    return all(
        now.get(card, 0) >= free - slack - sum(each.gpu_bytes.get(card, 0) for each in others)
        for card, free in before.items()
    )
