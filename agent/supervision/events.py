"""What happened to the engines of a node: a bounded list, newest last. Pure."""

from collections import deque

from msgspec import Struct
from msgspec.structs import replace

from agent.supervision.kinds import Kind
from agent.supervision.launch import Rung
from shared.wire import EVENT_LINE, EVENT_LINES, EngineEvent

MOST_EVENTS = 32
"""Kept for each engine; older ones are in the log."""


class Event(Struct, frozen=True, kw_only=True):
    """One exit, one adoption, one file that was refused."""

    number: int = 0
    """Given by `Events`."""
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


INSTEAD = " instead of "
"""In `then` of what is started again at once in a humbler form."""


class Events:
    """The last of each engine, numbered from 1 as they come."""

    def __init__(self) -> None:
        self._kept: dict[str, deque[Event]] = {}
        self._number = 0

    def add(self, event: Event) -> None:
        """The oldest of its engine makes room."""
        self._number += 1
        kept = self._kept.setdefault(event.engine, deque(maxlen=MOST_EVENTS))
        kept.append(replace(event, number=self._number))

    def all(self) -> tuple[Event, ...]:
        """Oldest first."""
        return tuple(sorted((each for kept in self._kept.values() for each in kept), key=_number))

    @property
    def number(self) -> int:
        """Of the last one."""
        return self._number

    def since(self, number: int, engine: str) -> list[Event]:
        """Those of one engine that follow that number."""
        return [each for each in self._kept.get(engine, ()) if each.number > number]

    def after(self, number: int, most: int) -> list[EngineEvent]:
        """For the beat: the `most` that follow that one, oldest first."""
        return [_told(each) for each in self.all() if each.number > number][:most]


def _number(event: Event) -> int:
    return event.number


def _told(event: Event) -> EngineEvent:
    return EngineEvent(
        number=event.number,
        at=event.at,
        engine=event.engine,
        kind=event.kind,
        rung=event.rung,
        then=_line(event.then),
        code=event.code,
        lines=[_line(each) for each in event.lines[-EVENT_LINES:]],
    )


def _line(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(each if each.isprintable() else " " for each in text[:EVENT_LINE])
