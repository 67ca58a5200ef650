"""Models that others loaded and that could go for a new one: what they take, and when they were used last. Pure.

An engine does not tell when it was asked last. Ollama tells when a model will go, which each call puts off; and all
tell which are busy. Who said that a model shall stay for ever pinned it.
"""

from collections.abc import Sequence
from datetime import datetime

from agent.models.placement import Card
from agent.models.unloading import Loaded
from shared.wire import Engine, Replica

LOADING_BYTES_PER_S = 10**9
"""Of a disk as machines for models have it: what a load costs is told in seconds of that."""
FOR_EVER_S = 30 * 86_400.0
"""Ollama writes a time some centuries away for keep_alive -1."""
UNLOADING = frozenset({"ollama"})
"""Kinds of engines whose models come and go; the others are there for the one that they were started with."""
MOST_USES = 4_096

Key = tuple[str, str]
"""Engine, model."""


class Uses:
    """When each replica was seen at work, in seconds since the epoch."""

    def __init__(self) -> None:
        self._seen: dict[Key, tuple[str, float]] = {}

    def observe(self, reports: Sequence[Engine], now: float) -> None:
        """With each beat. Who is gone is forgotten."""
        there = {
            (engine.name, replica.model): self._looked(engine, replica, now)
            for engine in reports
            for replica in engine.replicas
        }
        self._seen = dict(list(there.items())[:MOST_USES])

    def last(self, engine: str, model: str, now: float) -> float:
        """Now, for one that was never seen: nothing is known against it."""
        return self._seen.get((engine, model), ("", now))[1]

    def _looked(self, engine: Engine, replica: Replica, now: float) -> tuple[str, float]:
        before = self._seen.get((engine.name, replica.model))
        used = before is None or replica.slots_busy > 0 or before[0] != replica.expires_at
        return replica.expires_at, now if before is None or used else before[1]


def freeable(
    reports: Sequence[Engine], but_for: str, cards: Sequence[Card], uses: Uses, now: float
) -> list[Loaded]:
    """Replicas of engines other than that one which can be told to unload. Named `engine/model`."""
    return [
        _loaded(engine, replica, cards, uses.last(engine.name, replica.model, now), now)
        for engine in reports
        if engine.up and engine.name != but_for and engine.kind in UNLOADING
        for replica in engine.replicas
    ]


def _loaded(engine: Engine, replica: Replica, cards: Sequence[Card], used: float, now: float) -> Loaded:
    vram = min(replica.vram_bytes or 0, replica.size_bytes) if cards else 0
    return Loaded(
        name=f"{engine.name}/{replica.model}",
        gpu_bytes=_spread(vram, cards),
        host_bytes=replica.size_bytes - vram,
        last_used=used,
        load_s=replica.size_bytes / LOADING_BYTES_PER_S,
        pinned=_kept(replica.expires_at, now),
        busy=replica.slots_busy > 0,
    )


def _spread(size: int, cards: Sequence[Card]) -> dict[str, int]:
    """On which card it is nobody tells: in proportion of what is taken of each. The readings after it say what came
    free in truth.
    """
    taken = {card.uuid: max(0, card.total_bytes - card.free_bytes) for card in cards}
    total = sum(taken.values())
    return {card: size * part // total for card, part in taken.items()} if total else {}


def _kept(expires_at: str, now: float) -> bool:
    try:
        return datetime.fromisoformat(expires_at).timestamp() - now > FOR_EVER_S
    except (ValueError, OverflowError, OSError):
        return False
