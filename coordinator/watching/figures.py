"""Figures of the last minute: calls, errors, first bytes, tokens per second. Pure: the clock is an argument."""

import math
from collections import deque
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

WINDOW_S = 60.0
RATE_S = 10.0
"""Over which tokens per second are taken."""
ENDED_KEPT = 8_192
"""Of a busier minute, the newest: the window is shorter then."""


class Spell(Struct, frozen=True):
    """Tokens that a call wrote, spread evenly between its first byte and its end. Times on one clock."""

    node_id: str
    model: str
    begun: float
    until: float
    tokens: int

    def within(self, since: float, now: float) -> float:
        """Its tokens of that time."""
        length = max(self.until - self.begun, 1e-3)
        overlap = min(self.until, now) - max(self.begun, since)
        return self.tokens * min(1.0, max(0.0, overlap) / length)


class Ended(Struct, frozen=True):
    """A call that ended at `at`."""

    at: float
    spell: Spell
    first_byte_s: float | None
    failed: bool


class LastMinute:
    """Give it every call that ends."""

    def __init__(self) -> None:
        self._ended: deque[Ended] = deque(maxlen=ENDED_KEPT)

    def add(self, ended: Ended) -> None:
        """In order of their ends."""
        self._ended.append(ended)

    def since(self, now: float) -> list[Ended]:
        """Those of the window; older ones are forgotten."""
        while self._ended and self._ended[0].at <= now - WINDOW_S:
            self._ended.popleft()
        return list(self._ended)

    def window_s(self, now: float) -> float:
        """Its length, at the least a second."""
        full = len(self._ended) == ENDED_KEPT
        return max(1.0, now - self._ended[0].at) if full else WINDOW_S


def rates(ended: Iterable[Ended], running: Iterable[Spell], now: float) -> dict[tuple[str, str], float]:
    """Tokens per second by node and model."""
    found: dict[tuple[str, str], float] = {}
    for spell in (*(each.spell for each in ended), *running):
        if told := spell.within(now - RATE_S, now) / RATE_S:
            key = (spell.node_id, spell.model)
            found[key] = found.get(key, 0.0) + told
    return found


def sums(ended: list[Ended], window_s: float) -> dict[str, Any]:
    """Of all calls together; None where no call tells."""
    firsts = sorted(each.first_byte_s for each in ended if each.first_byte_s is not None)
    failed = sum(each.failed for each in ended)
    return {
        "requests_per_s": round(len(ended) / window_s, 2),
        "ttft_p50_s": quantile(firsts, 0.5),
        "ttft_p95_s": quantile(firsts, 0.95),
        "error_ratio": round(failed / len(ended), 4) if ended else 0.0,
    }


def firsts_by_node(ended: Iterable[Ended]) -> dict[str, float]:
    """Median seconds to the first byte."""
    found: dict[str, list[float]] = {}
    for each in ended:
        if each.first_byte_s is not None:
            found.setdefault(each.spell.node_id, []).append(each.first_byte_s)
    return {node_id: quantile(sorted(values), 0.5) or 0.0 for node_id, values in found.items()}


def quantile(ordered: list[float], share: float) -> float | None:
    """The nearest rank, to the millisecond."""
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 3) if ordered else None
