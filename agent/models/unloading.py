"""Which loaded models go, so that another has its place. Pure."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec
from msgspec import Struct

from agent.models.estimate import Need
from agent.models.placement import CAP, Card, Placement, Refusal, Ways, place

Placing = Callable[[Sequence[Card], int], Placement | Refusal]
"""Given cards, and the host's free bytes."""
HALF_LIFE_S = 600.0
"""A model that nobody asked for so long is half as likely to be asked for again."""


class Loaded(Struct, frozen=True):
    """A model in memory."""

    name: str
    gpu_bytes: Mapping[str, int]
    """By the card's identifier."""
    host_bytes: int
    last_used: float
    """Seconds, by the clock of `now`."""
    load_s: float
    """What it took to load it."""
    pinned: bool = False
    busy: bool = False
    """A call is running there."""


class Plan(Struct, frozen=True):
    """Unload these, then place it there."""

    placement: Placement
    unload: tuple[str, ...] = ()


def value(loaded: Loaded, now: float) -> float:
    """Seconds that unloading it is expected to cost: those of loading it again, by the chance that it is asked for."""
    return loaded.load_s * math.pow(2, -max(0.0, now - loaded.last_used) / HALF_LIFE_S)


def plan(
    wanted: Need,
    cards: Sequence[Card],
    host_free_bytes: int,
    loaded: Sequence[Loaded],
    now: float,
    ways: Ways,
    cap: float = CAP,
) -> Plan | Refusal:
    """As `plan_with`, by the rules of `place`."""

    def placing(there: Sequence[Card], host: int) -> Placement | Refusal:
        return place(wanted, there, host, ways, cap)

    return plan_with(placing, cards, host_free_bytes, loaded, now)


def plan_with(
    placing: Placing, cards: Sequence[Card], host_free_bytes: int, loaded: Sequence[Loaded], now: float
) -> Plan | Refusal:
    """The best placement that can be had, for the least value that must go.

    1. All of it on GPUs as things are: nothing goes.
    2. What is pinned or busy never goes. If no more layers fit without all the others, nothing goes either.
    3. Else the least valuable go, one by one, until as many layers fit as could;
    4. and of those, whoever turns out not to be in the way stays, the most valuable first.
    """

    def without(gone: Collection[str]) -> Placement | Refusal:
        left = [each for each in loaded if each.name in gone]
        host = host_free_bytes + sum(each.host_bytes for each in left)
        return placing([_freed(card, left) for card in cards], host)

    now_there = without(())
    candidates = sorted(
        (each for each in loaded if not (each.pinned or each.busy)),
        key=lambda each: (value(each, now), each.last_used, each.name),
    )
    most = _layers(without([each.name for each in candidates]))
    if _layers(now_there) >= most:
        return now_there if isinstance(now_there, Refusal) else Plan(now_there)
    gone: list[str] = []
    for each in candidates:
        gone.append(each.name)
        if _layers(without(gone)) >= most:
            break
    for name in reversed(gone):
        fewer = [other for other in gone if other != name]
        gone = fewer if _layers(without(fewer)) >= most else gone
    found = without(gone)
    return found if isinstance(found, Refusal) else Plan(found, tuple(gone))


def _layers(found: Placement | Refusal) -> int:
    """On GPUs; a refusal is less than none."""
    return -1 if isinstance(found, Refusal) else found.gpu_layers


def _freed(card: Card, gone: Sequence[Loaded]) -> Card:
    free = card.free_bytes + sum(each.gpu_bytes.get(card.uuid, 0) for each in gone)
    return msgspec.structs.replace(card, free_bytes=min(card.total_bytes, free))
