"""A connection until it is known what is spoken on it: TLS begins with another byte than HTTP."""

import asyncio
import logging
from typing import TYPE_CHECKING, cast

from shared.http1.line import NEVER
from shared.http1.secured import Secured
from shared.sockets import peer_host, reset

if TYPE_CHECKING:
    from shared.http1.server import Server

log = logging.getLogger("herd.http1")

HANDSHAKE = 0x16
"""What a TLS record of a handshake begins with; no method does."""
_TLS_ONLY = b"this port speaks TLS, and only with members of its fleet\n"
TLS_ONLY = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
    % (len(_TLS_ONLY), _TLS_ONLY)
)


class Door(asyncio.Protocol):
    """Gives the connection on with its first bytes, at once or after the handshake."""

    __slots__ = ("_due", "_secured", "_server", "_transport")

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._transport: asyncio.Transport
        self._secured: Secured | None = None
        """While the handshake is under way, and after it."""
        self._due = NEVER

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)
        server = self._server
        self._due = server.loop.time() + server.limits.idle_s
        server.sweep.add(self)
        server.meet(self, peer_host(self._transport))
        if server.stopping:
            self.shut()

    def data_received(self, data: bytes) -> None:
        """As asyncio.Protocol: the first bytes."""
        server = self._server
        if data[0] == HANDSHAKE and server.tls is not None:
            self._due = server.loop.time() + server.limits.handshake_s
            server.shaking(self)
            self._secured = Secured(server.tls, self._shaken, self._failed, server_side=True)
            self._hand_to(self._secured, data)
        elif server.plain:
            self._gone()
            self._hand_to(server.protocol(), data)
        else:
            self._transport.write(TLS_ONLY)
            self._transport.close()

    def connection_lost(self, _exc: Exception | None) -> None:
        """As asyncio.Protocol: before its first byte."""
        self._gone()

    def check(self, now: float) -> None:
        """As Swept."""
        if now >= self._due:
            self.shut()

    def shut(self) -> None:
        """Nobody comes through any more."""
        self._gone()
        reset(self._transport)

    def _hand_to(self, protocol: asyncio.Protocol, data: bytes) -> None:
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(data)

    def _shaken(self, secured: Secured) -> asyncio.Protocol | None:
        self._gone()
        server, peer = self._server, secured.certified
        if server.stopping or (peer is not None and not server.admits(peer)):
            return None
        return server.protocol()

    def _failed(self, why: Exception | None) -> None:
        self._gone()
        if why is not None:
            log.debug("a handshake failed: %s", why)

    def _gone(self) -> None:
        server = self._server
        server.sweep.discard(self)
        server.leave(self)
