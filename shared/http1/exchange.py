"""One request and its answer, as a handler sees them."""

from shared.http1.faults import ClientGone
from shared.http1.framing import bodiless
from shared.http1.heads import Header, RequestHead, response_lines, status_line
from shared.http1.inflow import Inflow, Source
from shared.http1.line import Line
from shared.trust.certified import Certified

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


class Exchange:
    """A handler answers by `respond`, or by `start`, `write` and `end`. Bytes for a client that is gone go nowhere; the
    handler is cancelled then.
    """

    __slots__ = (
        "_chunked",
        "_expecting",
        "_head",
        "_left",
        "_line",
        "_silent",
        "ended",
        "head",
        "inflow",
        "status",
    )

    def __init__(self, line: Line, head: RequestHead, inflow: Inflow, *, expecting: bool) -> None:
        """`expecting`: the client waits for a word before it sends its body."""
        self.head = head
        self.inflow = inflow
        """The request's body, as it comes; `read` and `body` are the way to it."""
        self.status = 0
        """Of the answer; 0 while there is none."""
        self.ended = False
        """Whether all of the answer was handed over."""
        self._line = line
        self._expecting = expecting
        self._head: bytes | None = None
        """Serialised, and kept back for the first bytes of the body."""
        self._chunked = False
        self._left = -1
        """Bytes that are promised and not there yet; -1: no length was told."""
        self._silent = False

    @property
    def gone(self) -> bool:
        """Whether the client's connection has ended."""
        return self._line.lost

    @property
    def peer(self) -> str:
        """The client's address; a link-local one with its zone."""
        return self._line.peer

    @property
    def port(self) -> int:
        """Ours, that the client came to."""
        return self._line.port

    @property
    def certified(self) -> Certified | None:
        """Whom the client proved to be, by its certificate; None: nobody, or it speaks plain HTTP."""
        return self._line.certified

    @property
    def secure(self) -> bool:
        """Whether the client speaks TLS, proved or not."""
        return self._line.secure

    async def read(self) -> bytes:
        """The body's next bytes; empty at its end. Raises ClientGone, and BadMessage where it is malformed."""
        self._ask()
        return await self.inflow.read()

    async def body(self, limit: int) -> bytes:
        """All of it. Raises TooLarge beyond `limit` bytes, and as `read`."""
        if not self.inflow.ended:
            self._ask()
        return await self.inflow.whole(limit)

    def respond(self, status: int, headers: list[Header], body: bytes = b"") -> None:
        """A whole answer, in one write. Raises ValueError for headers that cannot be sent."""
        self.start(status, headers, len(body))
        self.end(body)

    def start(self, status: int, headers: list[Header], length: int | None = None) -> None:
        """The head, which leaves with the first bytes. `length` of the body in bytes; None: by its end.

        Raises ValueError for headers that cannot be sent.
        """
        if self.status:
            raise RuntimeError("an answer has one head")
        line, head = self._line, self.head
        lines = response_lines(headers)
        if not self.inflow.ended or not head.keeps_alive:
            line.closing = True
        self._silent = head.method == b"HEAD" or bodiless(status)
        if bodiless(status):
            length_line = b""
        elif length is not None:
            self._left = length
            length_line = b"Content-Length: %d\r\n" % length
        elif self._silent:
            length_line = b""
        elif head.minor == 1:
            self._chunked = True
            length_line = b"Transfer-Encoding: chunked\r\n"
        else:
            line.closing = True
            length_line = b""
        self.status = status
        self._head = b"".join(
            (status_line(status), lines, line.date(), length_line, self._connection_line(), b"\r\n")
        )

    def send_head(self) -> None:
        """Before the first bytes of the body are there."""
        if self._head is not None:
            self._line.send(self._head)
            self._head = None

    def write(self, data: bytes) -> None:
        """The next bytes of the body, at once. Raises ValueError beyond the length that was told."""
        if data := self._framed(data):
            self._line.send(data)

    def end(self, data: bytes = b"") -> None:
        """The last bytes. A body shorter than it was told ends the connection, so that it looks like none."""
        framed = self._framed(data)
        if self._chunked:
            framed += LAST_CHUNK
        if self._head is not None:
            framed, self._head = self._head, None
        if framed:
            self._line.send(framed)
        self.ended = True
        if self._left > 0 and not self._silent:
            self.abort()

    async def drain(self) -> None:
        """Returns once the client takes more: after each write of a body that is not poured with `push_back`."""
        if self._line.paused:
            await self._line.drained()

    def push_back(self, source: Source | None) -> None:
        """Held while the client takes no bytes; None: nobody."""
        self._line.push_back(source)

    def abort(self) -> None:
        """Ends the connection, and with it an answer that cannot be completed."""
        self.ended = True
        self._line.abort()

    def _framed(self, data: bytes) -> bytes:
        """With the head, where that has not been sent."""
        if self.ended or not self.status:
            raise RuntimeError("no answer has begun, or it has ended")
        if not data or self._silent:
            return b""
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        elif self._left >= 0:
            if len(data) > self._left:
                raise ValueError("more bytes than the answer's head told")
            self._left -= len(data)
        if self._head is not None:
            data, self._head = self._head + data, None
        return data

    def _connection_line(self) -> bytes:
        if self._line.closing:
            return b"Connection: close\r\n"
        return b"Connection: keep-alive\r\n" if self.head.minor == 0 else b""

    def _ask(self) -> None:
        if self._line.lost and not self.inflow.ended:
            raise ClientGone("the client left before the end of its request")
        self._line.expect_body()
        if self._expecting and not self.status and not self.inflow.ended:
            self._expecting = False
            self._line.send(CONTINUE)
