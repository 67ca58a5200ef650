"""Feed: one picture at a time for all who look on, and what each has still to be told. For nobody, none is made."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from coordinator.watching.difference import Picture, difference

EVERY_S = 0.5
"""Between two changes that viewers are told: all that happens meanwhile is one change."""
REST = 24.0
"""After each turn, so many times its length: a fleet of thousands is told of less often."""
BEHIND = 20
"""Messages that a viewer may be behind; a slower one is dropped."""
KEPT = 120
"""Changes that a viewer who comes back can be given."""
VIEWERS = 64


class Message(NamedTuple):
    """One server-sent event."""

    event: str
    number: str
    data: bytes

    def encoded(self) -> bytes:
        """As it goes over the wire; the data is JSON, so it is one line."""
        number = f"id: {self.number}\n" if self.number else ""
        return f"{number}event: {self.event}\ndata: ".encode() + self.data + b"\n\n"


class Viewer:
    """What one has still to be told. `dropped`: too much, and nothing more comes."""

    def __init__(self, may_look: Callable[[], bool] = lambda: True) -> None:
        self.may_look = may_look
        self.waiting: asyncio.Queue[Message | None] = asyncio.Queue(BEHIND)
        self.dropped = False

    def tell(self, message: Message | None) -> None:
        """Never waits. None: that was all."""
        if self.waiting.full():
            self.dropped = message is not None
            self.waiting.get_nowait()
            message = None
        self.waiting.put_nowait(message)


class Feed:
    """Tells viewers. `picture` is asked for only while there are some, and at most every EVERY_S."""

    def __init__(
        self,
        picture: Callable[[], Picture],
        look: Callable[[], None],
        epoch: str,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`epoch` names this run of the coordinator; `look` is called at each turn, also while nobody looks on."""
        self._picture = picture
        self._look = look
        self._epoch = epoch
        self._clock = clock
        self._number = 0
        self._last: Picture | None = None
        self._kept: deque[Message] = deque(maxlen=KEPT)
        self._viewers: set[Viewer] = set()
        self._closed = False
        self._fresh = False
        """Whether a picture was made in this turn."""

    @property
    def is_full(self) -> bool:
        """Whether no further viewer may come."""
        return len(self._viewers) >= VIEWERS or self._closed

    def join(self, last_id: str = "", may_look: Callable[[], bool] = lambda: True) -> Viewer:
        """`last_id`: of the last message that it was told before. It is told what it missed, else the whole.
        `may_look`: asked at each turn; once it may not, that was all.
        """
        viewer = Viewer(may_look)
        if not self._fresh:
            self._publish()
        missed = self._missed(last_id)
        for message in [self._snapshot()] if missed is None else missed:
            viewer.tell(message)
        self._viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """It looks no more."""
        self._viewers.discard(viewer)

    async def run(self) -> None:
        """For ever; every viewer is told the end of it."""
        try:
            while True:
                began = self._clock()
                self._look()
                self._fresh = False
                self._send_away()
                if self._viewers:
                    self._publish()
                await asyncio.sleep(max(EVERY_S, REST * (self._clock() - began)))
        finally:
            self._closed = True
            for viewer in self._viewers:
                viewer.tell(None)

    def _send_away(self) -> None:
        """Who logged out meanwhile, or whose time is up."""
        for viewer in [each for each in self._viewers if not each.may_look()]:
            viewer.tell(None)
            self.leave(viewer)

    def _publish(self) -> None:
        """The change since the last picture, if there is any beside the time."""
        before, self._last, self._fresh = self._last, self._picture(), True
        change = difference(before, self._last) if before is not None else {}
        if change.keys() - {"timestamp"}:
            self._number += 1
            self._send(Message("change", self._id(), msgspec.json.encode(change)))

    def _send(self, message: Message) -> None:
        self._kept.append(message)
        for viewer in list(self._viewers):
            viewer.tell(message)
            if viewer.dropped:
                self._viewers.discard(viewer)

    def _snapshot(self) -> Message:
        return Message("snapshot", self._id(), msgspec.json.encode(self._last))

    def _id(self) -> str:
        return f"{self._epoch}.{self._number}"

    def _missed(self, last_id: str) -> list[Message] | None:
        """None: that is too long ago, or of another run."""
        if last_id == self._id():
            return []
        numbers = [message.number for message in self._kept]
        if last_id not in numbers:
            return None
        missed = list(self._kept)[numbers.index(last_id) + 1 :]
        return missed if len(missed) < BEHIND else None
