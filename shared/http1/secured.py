"""One connection within TLS: a protocol to the socket's transport, a transport to the protocol of what is said in it.

asyncio's own keeps 256 KiB for each, and begins only where no byte has been read yet.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Any, cast

from shared.trust.certified import Certified, certified

RECORD = 2**14
"""Bytes that one record may hold."""
PIECE = 4 * RECORD
"""Bytes that go through TLS at once: its buffers keep the size of the most that they ever held."""
ANSWERS = 2**12
"""Bytes, in a connection's life, of records that only answer the peer's own: 150 changes of key. Who means well makes
one in millions of records; who makes them without end, and reads no answer, would fill the memory.
"""
BARREN = 2 * RECORD
"""Bytes that came in a row and said nothing to whoever speaks within: more than any record that is not complete yet. A
change of key costs fifty times as much as a record with a byte in it.
"""
_WITHOUT_END = ssl.SSLError("the peer changes its keys without end")


class Secured(asyncio.Transport, asyncio.Protocol):
    """`shaken` is told of the end of the handshake, and gives the protocol for what follows, or None to end it.

    A connection that ends without the peer's word for it (close_notify) was cut: its protocol sees no orderly end.
    """

    __slots__ = (
        "_answers",
        "_barren",
        "_closing",
        "_failed",
        "_fault",
        "_held",
        "_incoming",
        "_outgoing",
        "_protocol",
        "_shaken",
        "_shut",
        "_tls",
        "_transport",
        "certified",
    )

    def __init__(
        self,
        context: ssl.SSLContext,
        shaken: Callable[["Secured"], asyncio.Protocol | None],
        failed: Callable[[Exception | None], None],
        *,
        server_side: bool,
        host: str | None = None,
    ) -> None:
        """`failed`: told why there was no handshake. `host`: whom a public certificate must name."""
        super().__init__()
        self.certified: Certified | None = None
        """Whom the peer proved to be."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=host
        )
        self._shaken = shaken
        self._failed = failed
        self._transport: asyncio.Transport
        self._protocol: asyncio.Protocol | None = None
        """From the end of the handshake on."""
        self._fault: Exception | None = None
        self._answers = 0
        self._barren = 0
        self._held = False
        self._closing = False
        self._shut = False
        """Whether our side has said its last word."""

    # The protocol of the socket's transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio.Protocol: the client speaks first."""
        self._transport = cast(asyncio.Transport, transport)
        self._shake()

    def data_received(self, data: bytes) -> None:
        """As asyncio.Protocol."""
        if self._shut:
            if self._protocol is not None and not self._closing:
                self._protocol.data_received(data)  # it only counts what it throws away
            return
        pieces: list[bytes] = []
        for at in range(0, len(data), RECORD):
            self._barren += self._incoming.write(data[at : at + RECORD])
            if self._fault is None and (self._protocol is not None or self._shake()):
                self._read(pieces)
        self._deliver(pieces)

    def eof_received(self) -> bool:
        """As asyncio.Protocol: an end that the peer did not announce, or one that it did already."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncio.Protocol."""
        self._closing = True
        if self._protocol is None:
            self._failed(self._fault or exc)
        else:
            self._protocol.connection_lost(self._fault or exc)

    def pause_writing(self) -> None:
        """As asyncio.Protocol."""
        if self._protocol is not None:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """As asyncio.Protocol."""
        if self._protocol is not None:
            self._protocol.resume_writing()

    # The transport of the protocol within.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As asyncio.Transport; `certified`, too."""
        if name == "certified":
            return self.certified
        if name == "ssl_object":
            return self._tls
        if name == "sslcontext":
            return self._tls.context
        return self._transport.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """As asyncio.Transport."""
        if self._closing or self._shut or not data:
            return
        try:
            if (size := len(data)) <= PIECE:
                sent = self._tls.write(data)
                self._transport.write(self._outgoing.read())
            else:
                sent = 0
            while sent < size:
                sent += self._tls.write(memoryview(data)[sent : sent + PIECE])
                self._transport.write(self._outgoing.read())
        except ssl.SSLError as fault:
            self._break(fault)

    def write_eof(self) -> None:
        """As asyncio.Transport. What the peer says from here on is not read, only told to have come."""
        if not self._closing:
            self._say_goodbye()
            self._transport.write_eof()

    def can_write_eof(self) -> bool:
        """As asyncio.Transport."""
        return True

    def close(self) -> None:
        """As asyncio.Transport."""
        if not self._closing:
            self._say_goodbye()
            self._closing = True
            self._transport.close()

    def abort(self) -> None:
        """As asyncio.Transport."""
        self._closing = True
        self._transport.abort()

    def is_closing(self) -> bool:
        """As asyncio.Transport."""
        return self._closing or self._transport.is_closing()

    def pause_reading(self) -> None:
        """As asyncio.Transport."""
        self._held = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """As asyncio.Transport."""
        self._held = False
        if not self.is_closing():
            self._transport.resume_reading()
            if self._incoming.pending or self._tls.pending():
                asyncio.get_running_loop().call_soon(self._pump)

    def is_reading(self) -> bool:
        """As asyncio.Transport."""
        return not self._held and not self.is_closing()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """As asyncio.Transport."""
        self._transport.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """As asyncio.Transport."""
        return self._transport.get_write_buffer_size()

    # Both.

    def _shake(self) -> bool:
        """Whether the handshake is over, and somebody speaks within."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as fault:
            self._break(fault)
            return False
        self.certified = certified(self._tls)
        self._protocol = self._shaken(self)
        if self._protocol is None:
            self.abort()  # before a client has shown its own certificate
            return False
        self._flush()
        self._protocol.connection_made(self)
        return True

    def _pump(self) -> None:
        """What came while nobody read."""
        pieces: list[bytes] = []
        self._read(pieces)
        self._deliver(pieces)

    def _read(self, pieces: list[bytes]) -> None:
        """All that can be, into `pieces`; the last one is empty where the peer has said goodbye."""
        if self._held or self._closing or self._shut or (pieces and not pieces[-1]):
            return
        before = len(pieces)
        try:
            while data := self._tls.read(RECORD):
                pieces.append(data)
                if not (self._incoming.pending or self._tls.pending()):
                    break  # the next read would raise to say that there is nothing: dearer than all of this
            else:
                pieces.append(b"")
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            pieces.append(b"")
        except ssl.SSLError as fault:
            self._fault = fault
        if self._outgoing.pending and self._fault is None:
            self._answer()
        if len(pieces) > before:
            self._barren = 0
        elif self._barren > BARREN and self._fault is None:
            self._fault = _WITHOUT_END

    def _deliver(self, pieces: list[bytes]) -> None:
        """As one piece."""
        if self._protocol is None or self._closing:
            return
        over = bool(pieces) and not pieces[-1]
        if data := b"".join(pieces):
            self._protocol.data_received(data)
        if self._fault is not None:
            self._break(self._fault)
        elif over and not self._protocol.eof_received():
            self.close()

    def _answer(self) -> None:
        """What the library has to say of itself after the handshake."""
        self._answers += self._outgoing.pending
        self._flush()
        if self._answers > ANSWERS and self._fault is None:
            self._fault = _WITHOUT_END

    def _flush(self) -> None:
        if self._outgoing.pending and not self._transport.is_closing():
            self._transport.write(self._outgoing.read())

    def _say_goodbye(self) -> None:
        if not self._shut and self._protocol is not None:
            with contextlib.suppress(ssl.SSLError):  # it would wait for the peer's
                self._tls.unwrap()
            self._flush()
        self._shut = True

    def _break(self, fault: Exception) -> None:
        """What came is not what the peer sent, or it refused: told to it, and the end."""
        self._fault = fault
        self._closing = True
        self._flush()
        if self._transport.get_write_buffer_size():
            self._transport.abort()  # to wait for a peer that breaks the rules could be for ever
        else:
            self._transport.close()
