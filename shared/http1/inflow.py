"""A body on its way in: pieces as they come, or whole, with back-pressure on whoever sends it."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from shared.http1.faults import TooLarge

Sink = Callable[[bytes, bool], None]
"""Takes the next bytes, and whether they are the last."""


class Source(Protocol):
    """The connection that the body comes from."""

    def hold(self) -> None:
        """Reads no more for now."""
        ...

    def release(self) -> None:
        """Reads on."""
        ...


class Inflow:
    """One body, one reader. Above `high` bytes that nobody has read, its source is held."""

    __slots__ = ("_fault", "_held", "_high", "_pieces", "_sink", "_size", "_source", "_waiter", "ended")

    def __init__(self, source: Source, high: int) -> None:
        self._source: Source | None = source
        self._high = high
        self._pieces: list[bytes] = []
        self._size = 0
        self._fault: BaseException | None = None
        self._held = False
        self._sink: Sink | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.ended = False
        """Whether its last byte has come; it may still have to be read."""

    @property
    def waited_for(self) -> bool:
        """Whether somebody waits for bytes now."""
        return self._waiter is not None

    @property
    def spent(self) -> bool:
        """Whether all of it has come and been read."""
        return self.ended and not self._size

    def put(self, data: bytes, last: bool) -> None:
        """From the source; no further call after the last."""
        self.ended = last
        if self._fault is not None:
            pass  # nobody will read it
        elif self._sink is not None:
            self._pour(data)
        elif data:
            self._pieces.append(data)
            self._size += len(data)
            if self._size > self._high and not last:
                self.hold()
        if last:
            self._detach()
        if self._waiter is not None and (last or self._sink is None):
            self._wake()

    def fail(self, fault: BaseException) -> None:
        """No more will come; what came before can still be read. After the end it does nothing."""
        if not self.ended and self._fault is None:
            self._fault = fault
            self._detach()
            self._wake()

    def hold(self) -> None:
        """The source is to wait: as when nobody reads."""
        if not self._held and self._source is not None:
            self._held = True
            self._source.hold()

    def release(self) -> None:
        """The end of `hold`."""
        if self._held:
            self._held = False
            if self._source is not None:
                self._source.release()

    async def read(self) -> bytes:
        """All that is there, at least a byte; empty at the end. Raises the fault that the source ended with."""
        while not self._size:
            if self._fault is not None:
                raise self._fault
            if self.ended:
                return b""
            await self._more()
        return self.taken()

    async def whole(self, limit: int) -> bytes:
        """All of it. Raises TooLarge beyond `limit` bytes, and the fault that the source ended with."""
        self._high = limit
        while not self.ended and self._size <= limit:
            if self._fault is not None:
                raise self._fault
            self.release()
            await self._more()
        if self._size > limit:
            raise TooLarge(limit)
        return self.taken()

    async def pour(self, sink: Sink) -> None:
        """Every byte into `sink` as it comes, until the last. Raises what the sink raises, and as `read`."""
        self._sink = sink
        if self._size or self.ended:
            self._pour(self.taken())
        try:
            while self._fault is None and not self.ended:
                await self._more()
        finally:
            self._sink = None
        if self._fault is not None:
            raise self._fault

    def _pour(self, data: bytes) -> None:
        assert self._sink is not None  # noqa: S101 - only called with one
        try:
            self._sink(data, self.ended)
        except Exception as fault:
            self._fault = fault
            self._wake()

    def taken(self) -> bytes:
        """What is there now."""
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._size = 0
        self.release()
        return data

    async def _more(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _detach(self) -> None:
        """The source has nothing to do with it any more."""
        self.release()
        self._source = None
