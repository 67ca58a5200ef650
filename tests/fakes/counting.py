"""What the fake remembers of the calls it saw, and its slots."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

import msgspec


class RecordedCall(msgspec.Struct, frozen=True):
    """One request as it arrived; `target`, `headers` and `body` are byte-exact."""

    path: str
    target: str
    method: str
    headers: list[tuple[str, str]]
    body: bytes
    at: float

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class State(msgspec.Struct, frozen=True):
    """Counters of inference calls; model loads, lists and pulls only show in `calls` and `by_path`.

    Once quiet, started = completed + cancelled + failed. `active` calls hold a slot, `waiting` ones want one.
    """

    started: int
    active: int
    waiting: int
    max_active: int
    completed: int
    cancelled: int
    failed: int
    calls: list[RecordedCall]
    by_path: dict[str, int]
    loads: int = 0
    """Of models, a load anew with another context too."""


class Counters(msgspec.Struct):
    """How inference calls ended. A reset swaps the object, so older calls no longer count."""

    started: int = 0
    completed: int = 0
    cancelled: int = 0
    failed: int = 0
    loads: int = 0


class Slots:
    """A FIFO of calls for so many places; the number may change while calls wait."""

    def __init__(self, limit: int) -> None:
        self.active = 0
        self.max_active = 0
        self._limit = limit
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """Calls that have no place yet."""
        return sum(not place.done() for place in self._queue)

    def resize(self, limit: int) -> None:
        """Sets the number of places; calls that already hold one keep it."""
        self._limit = limit
        self._grant()

    @contextlib.asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Waits for a place in order of arrival and holds it."""
        place = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        self._grant()
        try:
            await place
            yield
        finally:
            # Cancelled while queued: the place was never granted, so there is none to give back.
            if place.cancelled():
                with contextlib.suppress(ValueError):
                    self._queue.remove(place)
            else:
                self.active -= 1
                self._grant()

    def _grant(self) -> None:
        while self._queue and self.active < self._limit:
            place = self._queue.popleft()
            if place.done():
                continue
            place.set_result(None)
            self.active += 1
            self.max_active = max(self.max_active, self.active)
