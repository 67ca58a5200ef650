"""One connection to an upstream: a request out in one write, an answer in as head and pieces."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import cast

from shared.http1.decoding import Decoder, UntilClose, decoder
from shared.http1.faults import BadMessage, BrokenOff, Malformed, NotSent, TooLarge, Unanswered, UpstreamFault
from shared.http1.framing import response_length
from shared.http1.heads import END, ResponseHead, hopeless, parse_response
from shared.http1.inflow import Inflow, Sink
from shared.http1.limits import Limits
from shared.sockets import reset, watch

INTERIM = 16
"""Answers of status 1xx before the one that counts."""
_BEGINS = b"HTTP/1."


class Response:
    """An answer that has begun. Read to its end or closed, else its connection is never free."""

    __slots__ = ("_inflow", "_upstream", "head")

    def __init__(self, head: ResponseHead, inflow: Inflow, upstream: "Upstream") -> None:
        self.head = head
        self._inflow = inflow
        self._upstream = upstream

    @property
    def length(self) -> int | None:
        """Of the body in bytes, where its head tells."""
        told = self.head.fields.get(b"content-length")
        return int(told) if told is not None else None

    @property
    def spent(self) -> bool:
        """Whether all of the body has come and been read."""
        return self._inflow.spent

    async def read(self) -> bytes:
        """The body's next bytes; empty at its end. Raises BrokenOff or Malformed where it stops short."""
        return await self._inflow.read()

    async def whole(self, limit: int) -> bytes:
        """All of the body. Raises TooLarge beyond `limit` bytes (the connection is closed then), and as `read`."""
        try:
            return await self._inflow.whole(limit)
        except TooLarge:
            self.close()
            raise

    async def pour(self, sink: Sink) -> None:
        """Every byte into `sink` as it comes, with whether it is the last. Raises what it raises, and as `read`."""
        await self._inflow.pour(sink)

    def come(self) -> bytes | None:
        """What is left of the body, where all of it has come; else None, and nothing is taken."""
        return self._inflow.taken() if self._inflow.ended else None

    def hold(self) -> None:
        """The upstream is to wait."""
        self._inflow.hold()

    def release(self) -> None:
        """The end of `hold`."""
        self._inflow.release()

    def close(self) -> None:
        """Ends this answer's connection, and no other; after its last byte it does nothing."""
        if not self._inflow.ended:
            self._upstream.abort()


class Upstream(asyncio.Protocol):
    """One request at a time. `idle` is told when it may serve the next, `over` when it has ended."""

    __slots__ = (
        "_decoder",
        "_drainer",
        "_head",
        "_idle",
        "_inflow",
        "_keeps",
        "_limits",
        "_loop",
        "_method",
        "_over",
        "_paused",
        "_rest",
        "_scanned",
        "_served",
        "_skipped",
        "_transport",
        "due",
        "lost",
    )

    def __init__(
        self,
        limits: Limits,
        idle: Callable[["Upstream"], None],
        over: Callable[["Upstream"], None],
    ) -> None:
        self.lost = False
        """Whether it has ended, or is about to."""
        self.due = float("inf")
        """Until when it may be idle; seconds of the loop's clock."""
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._idle = idle
        self._over = over
        self._transport: asyncio.Transport
        self._method = b""
        self._head: asyncio.Future[Response] | None = None
        """Of the answer, while it is waited for."""
        self._inflow: Inflow | None = None
        """The answer's body, from the request on until its last byte."""
        self._decoder: Decoder | None = None
        self._keeps = False
        """Whether the connection may serve another request after this one."""
        self._rest = b""
        self._scanned = 0
        self._skipped = 0
        self._served = 0
        self._paused = False
        self._drainer: asyncio.Future[None] | None = None

    async def request(
        self, method: bytes, message: bytes, rest: AsyncIterator[bytes] | None = None
    ) -> Response:
        """Sends `message` (head and body) and then `rest` (framed as the head says); the answer once its head is there.

        Raises NotSent, Unanswered, BrokenOff or Malformed; cancelled, it ends the connection. An answer that comes
        before the end of `rest` ends the sending, and the connection with the answer.
        """
        if self.lost:
            raise NotSent("the connection was closed before the request left")
        self._method = method
        self._keeps = rest is None
        self._skipped = 0
        self._inflow = inflow = Inflow(self, self._limits.buffered)
        head: asyncio.Future[Response] = self._loop.create_future()
        self._head = head
        self._transport.write(message)
        try:
            if rest is not None:
                self._keeps = await self._sent(rest, head)
            return await head
        except BaseException:
            if self._inflow is inflow:  # else the answer has ended, and the connection may serve another
                self.abort()
            raise

    async def _sent(self, rest: AsyncIterator[bytes], head: asyncio.Future[Response]) -> bool:
        """Whether all of it was."""
        async for data in rest:
            if head.done():
                return False
            self._transport.write(data)
            if self._paused:
                self._drainer = self._loop.create_future()
                await self._drainer
        return not head.done()

    def abort(self) -> None:
        """Ends it now, and what is under way on it."""
        if not self.lost:
            self._fail("closed here")
            reset(self._transport)

    def close(self) -> None:
        """Ends it in order."""
        self.lost = True
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._limits.buffered)
        if (connection := transport.get_extra_info("socket")) is not None:
            watch(connection)

    def data_received(self, data: bytes) -> None:
        """As asyncio.Protocol."""
        try:
            while data and self._inflow is not None and self._decoder is None:
                data = self._take_head(data, self._inflow)
            if data:
                self._take_body(data)
        except BadMessage as fault:
            self._fail(str(fault), malformed=True)
            reset(self._transport)

    def eof_received(self) -> bool:
        """As asyncio.Protocol: the end of an answer that told no length, too early for any other."""
        if isinstance(self._decoder, UntilClose) and self._inflow is not None:
            self._ended(self._inflow, b"", b"")
        self.lost = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncio.Protocol."""
        self._fail("reset" if exc else "closed")
        self._over(self)

    def pause_writing(self) -> None:
        """As asyncio.Protocol."""
        self._paused = True

    def resume_writing(self) -> None:
        """As asyncio.Protocol."""
        self._paused = False
        self._wake()

    def hold(self) -> None:
        """As Source."""
        if not self.lost:
            self._transport.pause_reading()

    def release(self) -> None:
        """As Source."""
        if not self.lost:
            self._transport.resume_reading()

    def _take_head(self, data: bytes, inflow: Inflow) -> bytes:
        """What came after the head; nothing while that is incomplete."""
        if self._rest:
            data = self._rest + data
        end = data.find(END, self._scanned) + len(END)
        if not len(END) <= end <= self._limits.head:
            if fault := hopeless(data, self._limits.head, _BEGINS):
                raise fault
            self._rest, self._scanned = data, max(0, len(data) - len(END))
            return b""
        self._rest, self._scanned = b"", 0
        head = parse_response(data[:end], self._limits.headers)
        if head.status < 200:
            self._skip(head)
            return data[end:]
        length = response_length(head, self._method)
        self._keeps = self._keeps and head.keeps_alive
        if self._head is not None and not self._head.done():
            self._head.set_result(Response(head, inflow, self))
        self._wake()
        stop = end + length
        if 0 <= length <= len(data) - end:
            self._ended(inflow, data[end:stop], data[stop:])
            return b""
        self._decoder = decoder(length, self._limits.head, extensions=True)
        return data[end:]

    def _skip(self, head: ResponseHead) -> None:
        self._skipped += 1
        if head.status == 101 or self._skipped > INTERIM:
            raise BadMessage("an interim answer that nobody asked for")

    def _take_body(self, data: bytes) -> None:
        if self._inflow is None or self._decoder is None:
            raise BadMessage("bytes that nobody asked for")
        payload = self._decoder.feed(data)
        if self._decoder.done:
            self._ended(self._inflow, payload, self._decoder.rest)
        elif payload:
            self._inflow.put(payload, False)

    def _ended(self, inflow: Inflow, payload: bytes, rest: bytes) -> None:
        """The connection is free before the answer has been read."""
        clean = self._keeps and not rest and not isinstance(self._decoder, UntilClose)
        self._inflow = self._head = self._decoder = None
        inflow.put(payload, True)
        if clean and not self.lost and not self._transport.get_write_buffer_size():
            self._served += 1
            self._idle(self)
        else:
            self.close()

    def _fail(self, why: str, *, malformed: bool = False) -> None:
        """`why` it came to an end, before that of the answer."""
        self.lost = True
        inflow, self._inflow = self._inflow, None
        self._wake()
        if inflow is None:
            return
        inflow.fail(Malformed(why) if malformed else BrokenOff(f"the connection was {why} within the answer"))
        if self._head is not None and not self._head.done():
            self._head.set_exception(self._no_answer(why, malformed=malformed))

    def _no_answer(self, why: str, *, malformed: bool) -> UpstreamFault:
        if malformed:
            return Malformed(why)
        if self._rest or self._skipped:
            return BrokenOff(f"the connection was {why} within the answer's head")
        return Unanswered(f"the connection was {why} before an answer", stale=self._served > 0)

    def _wake(self) -> None:
        if self._drainer is not None and not self._drainer.done():
            self._drainer.set_result(None)
