"""Engines whose calls stand still: which of them to ask whether they are alive, and when to believe that they are not.

A slow first token is no failure: an engine that gives any answer to a cheap question is left to work.
"""

import math
from collections.abc import Iterable
from typing import TypeAlias

from coordinator.core.limits import Limits
from coordinator.core.open_call import OpenCall
from shared.names import NodeId

EngineKey: TypeAlias = tuple[NodeId, str]

SILENT_TWICE = 2
"""Questions in a row without an answer, after which an engine is taken for dead."""
AGAIN_S = 1.0
"""Between the first of them and the second."""


class Stillness:
    """Remembers whom it asked, as long as calls stand still there."""

    def __init__(self, limits: Limits) -> None:
        self._after_s = limits.probe_engine_after_s
        self._next_at: dict[EngineKey, float] = {}
        self._silent: dict[EngineKey, int] = {}

    def stands_still(self, running: OpenCall, now: float) -> bool:
        """Whether nothing has come for it for so long, and not because its caller does not read."""
        long = 0 < self._after_s <= now - running.progress_at
        return long and running.place is not None and not running.awaits_caller

    def at(self, key: EngineKey, open_calls: Iterable[OpenCall], now: float) -> list[OpenCall]:
        """Calls that stand still at one engine."""
        return [
            each
            for each in open_calls
            if each.place is not None and each.place[:2] == key and self.stands_still(each, now)
        ]

    def due(self, open_calls: Iterable[OpenCall], now: float) -> list[EngineKey]:
        """Engines to ask now. Asking books the next time."""
        still = {
            (each.place.node_id, each.place.engine)
            for each in open_calls
            if each.place is not None and self.stands_still(each, now)
        }
        self._next_at = {key: at for key, at in self._next_at.items() if key in still}
        self._silent = {key: count for key, count in self._silent.items() if key in still}
        due = sorted(key for key in still if self._next_at.get(key, -math.inf) <= now)
        self._next_at.update(dict.fromkeys(due, now + self._after_s))
        return due

    def told(self, key: EngineKey, now: float, *, alive: bool) -> bool:
        """How it answered. True: it is dead, as far as can be told."""
        if alive or key not in self._next_at:
            self._silent.pop(key, None)
            return False
        self._silent[key] = self._silent.get(key, 0) + 1
        self._next_at[key] = now + AGAIN_S
        return self._silent[key] >= SILENT_TWICE
