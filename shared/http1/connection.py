"""One client's connection: requests one after the other, each with its own task."""

import asyncio
import logging
import re
from typing import TYPE_CHECKING

from shared.http1.addressed import addressed
from shared.http1.decoding import Decoder, decoder
from shared.http1.exchange import CONTINUE, Exchange
from shared.http1.faults import BadMessage, ClientGone
from shared.http1.framing import request_length
from shared.http1.heads import END, RequestHead, hopeless, parse_request
from shared.http1.inflow import Inflow
from shared.http1.line import NEVER, NEXT, Line
from shared.sockets import broken

if TYPE_CHECKING:
    from shared.http1.server import Server

log = logging.getLogger("herd.http1")

PROBE_EVERY_S = 5.0
"""Between interim answers to a client that closed its side: one that is gone altogether resets the connection."""

_EMPTY_LINES = re.compile(rb"(?:\r\n)*")


class Connection(Line):
    """At most one request is worked on; of what a client sends ahead of its turn, one read is kept, the rest waits in
    the socket.
    """

    __slots__ = ("_decoder", "_exchange", "_half_closed", "_probe_at", "_rest", "_scanned", "_server", "task")

    def __init__(self, server: "Server") -> None:
        super().__init__(server.loop, server.limits.linger_s)
        self.task: asyncio.Task[None] | None = None
        """Of the request that is worked on."""
        self._server = server
        self._exchange: Exchange | None = None
        self._decoder: Decoder | None = None
        """While the request's body is incomplete."""
        self._rest = b""
        """Read and not looked at: a head's beginning, or what came ahead of its turn."""
        self._scanned = 0
        self._half_closed = False
        self._probe_at = NEVER

    @property
    def unread(self) -> int:
        """Bytes that came and were not looked at."""
        return len(self._rest)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio.Protocol."""
        super().connection_made(transport)
        server = self._server
        self._transport.set_write_buffer_limits(high=server.limits.buffered)
        server.sweep.add(self)
        self._due = self._loop.time() + server.limits.idle_s
        server.enter(self)
        if server.stopping:
            self._close()

    def data_received(self, data: bytes) -> None:
        """As asyncio.Protocol."""
        if self._decoder is not None and self._exchange is not None:
            self._body(self._decoder, data, self._exchange.inflow)
        elif self._lingered >= 0:
            self._lingered += len(data)
            if self._lingered > self._server.limits.linger:
                self.abort()
        elif self._exchange is not None or self.paused:
            self._rest += data
            self._hold(NEXT)
        else:
            self._head(data)

    def resume_writing(self) -> None:
        """As asyncio.Protocol."""
        super().resume_writing()
        if self._exchange is None and self._lingered < 0 and not self.lost:
            self._next()

    def eof_received(self) -> bool:
        """Behind its request a client may shut its side and still want its answer. Within the answer it has left:
        nothing else would tell while an engine is silent.
        """
        exchange, known = self._exchange, self._half_closed
        if exchange is None or self._decoder is not None or (exchange.status and not known):
            return False
        if not known and not self._transport.get_extra_info("sslcontext"):
            self._half_closed = True
            self._probe(self._loop.time(), exchange)
        return self._half_closed

    def connection_lost(self, _exc: Exception | None) -> None:
        """As asyncio.Protocol."""
        self.lost = True
        self._server.sweep.discard(self)
        self._wake()
        if self.task is None:
            self._server.forget(self)
        elif self._exchange is not None and not self._exchange.ended:
            self._exchange.inflow.fail(ClientGone("the client left before the end of its request"))
            self.task.cancel()

    def check(self, now: float) -> None:
        """As Swept."""
        exchange = self._exchange
        if exchange is not None and (self._half_closed or self._held):
            if broken(self._transport):  # nothing is read, so nothing else tells
                self.abort()
            elif now >= self._probe_at:
                self._probe(now, exchange)
        if now < self._due:
            return
        if exchange is None and self._still_leaving():
            self._due = now + self._linger_s
            return
        self._due = NEVER
        if exchange is None and self._rest:
            self._refuse(BadMessage("the request's head took too long", 408))
        elif exchange is None:
            self._give_up_lingering() if self._lingered >= 0 else self._close()
        elif exchange.inflow.waited_for:
            exchange.inflow.fail(BadMessage("the request's body took too long", 408))

    def retire(self) -> None:
        """No further request; one that is worked on ends."""
        self.closing = True
        if self._exchange is None and self._lingered < 0:
            self._close()

    def cut(self) -> None:
        """Ends it now, with what is worked on."""
        self.abort()
        if self.task is not None and self._exchange is not None:
            self._exchange.ended = True
            self._loop.call_soon(self.task.cancel)  # at once, it might not even have begun

    def date(self) -> bytes:
        """The Date header's line."""
        return self._server.date_line()

    def expect_body(self) -> None:
        """The body's silence counts from now."""
        if self._decoder is not None:
            self._due = self._loop.time() + self._server.limits.body_s

    def _probe(self, now: float, exchange: Exchange) -> None:
        """A client that closed its side may have closed all of it: only then does it answer with a reset.

        Before the answer has begun any client skips an interim one; later its own bytes do the same.
        """
        self._probe_at = now + PROBE_EVERY_S
        if not exchange.status and exchange.head.minor:
            self.send(CONTINUE)

    def _head(self, data: bytes) -> None:
        limits = self._server.limits
        if self._rest:
            data = self._rest + data
        if data[0] == 0x0D:
            data = data[_EMPTY_LINES.match(data).end() :]  # type: ignore[union-attr]
        end = data.find(END, self._scanned) + len(END)
        if len(END) <= end <= limits.head:
            self._rest, self._scanned = b"", 0
            self._request(data, end)
        elif fault := hopeless(data, limits.head):
            self._refuse(fault, addressed(data))
        else:
            if data and not self._rest:
                self._due = self._loop.time() + limits.head_s
            self._rest, self._scanned = data, max(0, len(data) - len(END))

    def _request(self, data: bytes, end: int) -> None:
        server = self._server
        try:
            head = parse_request(data[:end], server.limits.headers)
            length = request_length(head)
        except BadMessage as fault:
            self._refuse(fault, addressed(data))
            return
        expected = head.fields.get(b"expect", b"").lower() if head.minor else b""
        if expected not in (b"", b"100-continue"):
            self._refuse(BadMessage("an Expect header other than 100-continue", 417), head)
            return
        self._due = NEVER
        self.closing = self.closing or server.stopping
        inflow = Inflow(self, server.limits.buffered)
        self._exchange = Exchange(self, head, inflow, expecting=bool(expected) and len(data) == end)
        self.task = self._loop.create_task(self._serve(self._exchange), name="request")
        if 0 <= length <= len(data) - end:
            inflow.put(data[end : end + length], True)
            self._ahead(data[end + length :])
        else:
            self._decoder = decoder(length, server.limits.head, extensions=False)
            if end < len(data):
                self._body(self._decoder, data[end:], inflow)

    def _body(self, body: Decoder, data: bytes, inflow: Inflow) -> None:
        try:
            payload = body.feed(data)
        except BadMessage as fault:
            self._decoder = None
            self.closing = True
            inflow.fail(fault)
            return
        if body.done:
            self._decoder = None
            self._due = NEVER
            self._ahead(body.rest)
        elif inflow.waited_for:
            self._due = self._loop.time() + self._server.limits.body_s
        inflow.put(payload, body.done)

    def _ahead(self, data: bytes) -> None:
        if data:
            self._rest = data
            self._hold(NEXT)

    async def _serve(self, exchange: Exchange) -> None:
        try:
            await self._server.handler(exchange)
            if not exchange.ended:
                raise RuntimeError("a handler left its request without an answer")
        except BadMessage as fault:
            self._fail(exchange, fault)
        except ClientGone:
            self.abort()
        except asyncio.CancelledError:
            if not exchange.ended:
                self.abort()
            raise
        except Exception:
            log.exception("a fault of ours")
            self._fail(exchange, BadMessage("an internal error", 500))
        finally:
            self._done()

    def _fail(self, exchange: Exchange, fault: BadMessage) -> None:
        if not exchange.status:
            self._answer(exchange, fault, exchange.head)
        elif not exchange.ended:
            self.abort()

    def _refuse(self, fault: BadMessage, head: RequestHead | None = None) -> None:
        """Without a handler; the connection is of no further use."""
        shown = head or RequestHead(b"GET", b"/", [])
        self._answer(Exchange(self, shown, Inflow(self, 0), expecting=False), fault, head)
        self._give_up()

    def _answer(self, exchange: Exchange, fault: BadMessage, head: RequestHead | None) -> None:
        self.closing = True
        headers, body = self._server.refusal(fault, head)
        exchange.respond(fault.status, headers, body)

    def _done(self) -> None:
        incomplete = self._exchange is not None and not self._exchange.inflow.ended
        self._exchange = self.task = self._pushed = None
        if self.lost:
            self._server.forget(self)
        elif incomplete or self.closing:
            self._give_up()
        elif self._half_closed and not self._rest:
            self._close()
        else:
            self._next()

    def _next(self) -> None:
        """The next request: not before the last answer has left but for a little, or answers could pile up."""
        self._due = self._loop.time() + self._server.limits.idle_s
        if self.paused:
            return
        rest, self._rest = self._rest, b""
        self._release(NEXT)
        if rest:
            self._head(rest)
            whole = self._exchange is not None and self._decoder is None
            if self._half_closed and self._lingered < 0 and not whole:
                self._close()  # its rest will never come

    def _give_up(self) -> None:
        self._rest, self._decoder = b"", None
        self._close() if self._half_closed else self._linger()
