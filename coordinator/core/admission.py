"""Room to wait: limits by calls and by estimated tokens, and who goes when they are reached."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from coordinator.core.open_call import OpenCall
from coordinator.core.turns import Line


class Tally:
    """How many calls wait, and how many tokens their prompts are estimated to have, in all and by client."""

    __slots__ = ("calls", "calls_of", "tokens", "tokens_of")

    def __init__(self) -> None:
        self.calls = 0
        self.tokens = 0
        self.calls_of: Counter[str] = Counter()
        self.tokens_of: Counter[str] = Counter()

    def add(self, waiting: OpenCall, sign: int = 1) -> None:
        """It waits from here on; with `sign=-1`, no more."""
        client, tokens = waiting.call.client, waiting.call.estimated_tokens
        self.calls += sign
        self.tokens += sign * tokens
        self.calls_of[client] += sign
        self.tokens_of[client] += sign * tokens
        if not self.calls_of[client]:
            del self.calls_of[client], self.tokens_of[client]


class Bound(Struct, frozen=True):
    """One limit: `total` and `by_client` of what it counts now, and what one call counts for."""

    total: int
    limit: int
    by_client: Counter[str]
    size: Callable[[OpenCall], int]
    lines: tuple[Line, ...]
    """Whose calls count."""
    reason: str
    """For the caller that is refused."""


def one(_waiting: OpenCall) -> int:
    """What a call counts for where calls are counted."""
    return 1


def tokens(waiting: OpenCall) -> int:
    """What it counts for where tokens are."""
    return waiting.call.estimated_tokens


def displaced(newcomer: OpenCall, bound: Bound, gone: Iterable[OpenCall] = ()) -> list[OpenCall]:
    """Who has to go so that `newcomer` may wait: nobody, the newcomer itself (alone), or calls of whoever has most
    waiting, those that would go last first. `gone`: calls that go anyhow.

    So a client that floods the fleet fills the room with its own calls and makes way for others.
    """
    by_client = bound.by_client.copy()
    excess = bound.total + bound.size(newcomer) - bound.limit
    for each in gone:
        by_client[each.call.client] -= bound.size(each)
        excess -= bound.size(each)
    own = newcomer.call.client
    by_client[own] += bound.size(newcomer)
    result: list[OpenCall] = []
    last: dict[str, Iterator[OpenCall]] = {}
    while excess > 0:
        heaviest = max(by_client, key=lambda client: (by_client[client], client == own))
        if heaviest not in last:
            last[heaviest] = _last_first(heaviest, bound.lines, {each.turn for each in gone})
        victim = next(last[heaviest], None)
        if victim is None or (heaviest == own and victim.level <= newcomer.level):
            return [newcomer]
        result.append(victim)
        by_client[heaviest] -= bound.size(victim)
        excess -= bound.size(victim)
    return result


def _last_first(client: str, lines: Iterable[Line], but: set[int]) -> Iterator[OpenCall]:
    merged = heapq.merge(*(line.of(client) for line in lines), key=lambda each: (-each.level, -each.turn))
    return (each for each in merged if each.turn not in but)
