"""What happened to an engine: a bounded list, newest last. Pure."""

from collections import deque

from msgspec import Struct

from agent.supervision.kinds import Kind
from agent.supervision.launch import Rung

MOST_EVENTS = 32
"""Kept for each engine; older ones are in the log."""


class Event(Struct, frozen=True, kw_only=True):
    """One exit, one adoption, one quarantine."""

    at: float
    """Seconds since the epoch."""
    engine: str
    kind: Kind
    rung: Rung
    """The engine was on it."""
    then: str
    """What follows: `again in 2 s`, `fewer slots`, `quarantined, next try in 600 s`."""
    code: int | None = None
    """Exit status, or minus the signal; None: not known, as of an adopted process."""
    lines: tuple[str, ...] = ()
    """Of its log: the engine's own words, never a caller's."""


class Events:
    """The last of them."""

    def __init__(self) -> None:
        self._kept: deque[Event] = deque(maxlen=MOST_EVENTS)

    def add(self, event: Event) -> None:
        """The oldest makes room."""
        self._kept.append(event)

    def all(self) -> tuple[Event, ...]:
        """Oldest first."""
        return tuple(self._kept)
