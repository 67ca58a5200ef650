"""Server-sent events out of bytes, as they come. Pure."""

from typing import Any, NamedTuple

import msgspec

from shared.frames import data_of

LONGEST = 64 * 2**20
"""Bytes of one event."""


class NotEvents(Exception):
    """What came is no stream of the fleet's events."""


class Event(NamedTuple):
    """`last_id` as it is sent back to go on from here; `data` decoded."""

    kind: str
    last_id: str
    data: Any


class EventReader:
    """Feed it chunks."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that are whole now; comments are left out. Raises NotEvents."""
        *whole, self._rest = (self._rest + chunk).split(b"\n\n")
        if len(self._rest) > LONGEST:
            raise NotEvents(f"an event has more than {LONGEST} bytes")
        return [event for each in whole if (event := _event(each)) is not None]


def _event(text: bytes) -> Event | None:
    fields = dict(line.partition(b": ")[::2] for line in text.split(b"\n"))
    if b"event" not in fields:
        return None
    try:
        kind, number = fields[b"event"].decode(), fields.get(b"id", b"").decode()
        return Event(kind, number, msgspec.json.decode(data_of(text)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotEvents(f"an event cannot be read: {error}") from error
