"""The transport side of a client's connection: bytes out, back-pressure both ways, and its ends."""

import asyncio
from typing import cast

from shared.http1.inflow import Source
from shared.sockets import peer_host, reset
from shared.trust.certified import Certified

BODY, NEXT = 1, 2
"""Why nothing is read: a body that nobody takes, a next request before its turn."""
NEVER = float("inf")


class Line(asyncio.Protocol):
    """What an exchange needs of its connection."""

    __slots__ = (
        "_drainer",
        "_due",
        "_held",
        "_linger_s",
        "_lingered",
        "_loop",
        "_peer",
        "_pushed",
        "_transport",
        "_unsent",
        "closing",
        "lost",
        "paused",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, linger_s: float) -> None:
        """`linger_s`: seconds without progress in which the last bytes must leave."""
        self.closing = False
        """Whether the connection is to end with the answer that is given now."""
        self.lost = False
        """Whether it has ended."""
        self.paused = False
        """Whether the client takes no more bytes for now."""
        self._loop = loop
        self._linger_s = linger_s
        self._unsent = 0
        self._transport: asyncio.Transport
        self._held = 0
        self._due = NEVER
        """When something must have happened; seconds of the loop's clock."""
        self._lingered = -1
        """Bytes thrown away since the last answer; -1: it is not the last."""
        self._pushed: Source | None = None
        self._drainer: asyncio.Future[None] | None = None
        self._peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)

    @property
    def peer(self) -> str:
        """The client's address."""
        if not self._peer:
            self._peer = peer_host(self._transport)
        return self._peer

    @property
    def port(self) -> int:
        """Ours, that the client came to; 0 where it came by none."""
        own = self._transport.get_extra_info("sockname")
        return own[1] if isinstance(own, tuple) else 0

    @property
    def certified(self) -> Certified | None:
        """Whom the client proved to be, by its certificate."""
        found: Certified | None = self._transport.get_extra_info("certified")
        return found

    @property
    def secure(self) -> bool:
        """Whether it is TLS."""
        return self._transport.get_extra_info("sslcontext") is not None

    def pause_writing(self) -> None:
        """As asyncio.Protocol."""
        self.paused = True
        if self._pushed is not None:
            self._pushed.hold()

    def resume_writing(self) -> None:
        """As asyncio.Protocol."""
        self.paused = False
        if self._pushed is not None:
            self._pushed.release()
        self._wake()

    def send(self, data: bytes) -> None:
        """Towards the client; nothing where it is gone."""
        if not (self.lost or self._transport.is_closing()):  # asyncio complains of each write between the two
            self._transport.write(data)

    async def drained(self) -> None:
        """Returns once the client takes bytes again, or is gone."""
        while self.paused and not self.lost:
            self._drainer = self._loop.create_future()
            await self._drainer

    def push_back(self, source: Source | None) -> None:
        """Who is to be held while the client takes no bytes; None: nobody."""
        self._pushed = source
        if source is not None and self.paused:
            source.hold()

    def date(self) -> bytes:
        """The Date header's line."""
        raise NotImplementedError

    def expect_body(self) -> None:
        """Somebody waits for the body: its silence counts from now."""
        raise NotImplementedError

    def abort(self) -> None:
        """By a reset, so that nobody takes a part for the whole."""
        self.lost = True
        reset(self._transport)

    def hold(self) -> None:
        """As Source, for the request's body."""
        self._hold(BODY)

    def release(self) -> None:
        """The end of `hold`."""
        self._release(BODY)

    def _hold(self, why: int) -> None:
        if not self._held:
            self._transport.pause_reading()
        self._held |= why

    def _release(self, why: int) -> None:
        held, self._held = self._held, self._held & ~why
        if held and not self._held and not self._transport.is_closing():
            self._transport.resume_reading()

    def _wake(self) -> None:
        if self._drainer is not None and not self._drainer.done():
            self._drainer.set_result(None)

    def _still_leaving(self) -> bool:
        """Whether bytes wait to leave, fewer than when this was asked last."""
        last, self._unsent = self._unsent, self._transport.get_write_buffer_size()
        return self._unsent > 0 and (not last or self._unsent < last)

    def _close(self) -> None:
        """In order: what was written still leaves."""
        self._due = self._loop.time() + self._linger_s
        self._lingered = 0
        self._transport.close()

    def _linger(self) -> None:
        """Our side alone: to close with unread bytes would be a reset, which can destroy the answer on its way."""
        if not self._transport.can_write_eof():
            self._close()
            return
        self._due = self._loop.time() + self._linger_s
        self._lingered = 0
        try:
            self._transport.write_eof()
        except OSError:  # it has been reset, and nobody has read that yet
            self.abort()
            return
        self._release(BODY | NEXT)

    def _give_up_lingering(self) -> None:
        """What the kernel holds still leaves; what it does not take any more is dropped."""
        if self._unsent:
            self.abort()
        else:
            self._transport.close()
