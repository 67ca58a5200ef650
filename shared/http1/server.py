"""Listens for HTTP/1.1 and gives each request to one handler."""

import asyncio
import email.utils
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable

from shared.http1.connection import Connection
from shared.http1.crowd import Crowd
from shared.http1.door import Door
from shared.http1.exchange import Exchange
from shared.http1.faults import BadMessage
from shared.http1.heads import Header, RequestHead
from shared.http1.limits import Limits
from shared.http1.sweep import Sweep
from shared.trust.certified import Certified

Handler = Callable[[Exchange], Awaitable[None]]
Refusal = Callable[[BadMessage, RequestHead | None], tuple[list[Header], bytes]]
"""Headers and body of a refusal: dialects differ. The head is None where it was not to be read."""

BACKLOG = 2_048


class Server:
    """Made inside a running loop."""

    def __init__(
        self,
        handler: Handler,
        refusal: Refusal,
        limits: Limits,
        *,
        tls: ssl.SSLContext | None = None,
        plain: bool = True,
        admits: Callable[[Certified], bool] = lambda _peer: True,
    ) -> None:
        """`tls`: for connections that begin with it; may be replaced for those that come later. `plain`: whether HTTP
        without it is served as well. `admits`: whether a peer that proved its name may come in.
        """
        self.tls = tls
        self.plain = plain
        self.admits = admits
        self.handler = handler
        self.refusal = refusal
        self.limits = limits
        self.loop = asyncio.get_running_loop()
        self.sweep = Sweep()
        self.connections: set[Connection] = set()
        self.doors: dict[Door, None] = {}
        """Connections of which nobody knows yet what they will be; the oldest first."""
        self._shaking: dict[Door, None] = {}
        """Of these, in a handshake; the oldest first."""
        self._crowd = Crowd(limits.per_address)
        self.stopping = False
        self._listening: list[asyncio.Server] = []
        self._gone: asyncio.Future[None] | None = None
        self._date = b""
        self._date_at = 0

    def protocol(self) -> Connection:
        """For one connection on which HTTP is spoken."""
        return Connection(self)

    def accepted(self) -> asyncio.Protocol:
        """For one connection that was accepted."""
        return self.protocol() if self.plain and self.tls is None else Door(self)

    async def listen(self, listeners: Iterable[socket.socket]) -> None:
        """Serves these sockets, which are bound, until `stop`."""
        for listener in listeners:
            self._listening.append(
                await self.loop.create_server(self.accepted, sock=listener, backlog=BACKLOG)
            )

    async def stop(self, patience_s: float) -> None:
        """Takes no new connection or request; open exchanges have `patience_s` seconds to end and their answers to
        leave, then are cut.
        """
        self.stopping = True
        for listening in self._listening:
            listening.close()
        for door in list(self.doors):
            door.shut()
        for connection in list(self.connections):
            connection.retire()
        try:
            async with asyncio.timeout(patience_s):
                await self._all_gone()
        except TimeoutError:
            for connection in list(self.connections):
                connection.cut()
            await self._all_gone()
        finally:
            self.sweep.close()

    def cut(self, whose: Callable[[Certified], bool]) -> int:
        """Ends the connections of these peers now, with what is worked on; how many there were."""
        found = [each for each in self.connections if each.certified is not None and whose(each.certified)]
        for connection in found:
            connection.cut()
        return len(found)

    def meet(self, door: Door, peer: str) -> None:
        """It has begun; one too many of its address ends at once, one too many of all ends the oldest."""
        if len(self.doors) >= self.limits.doors:
            next(iter(self.doors)).shut()
        self.doors[door] = None
        if not self._crowd.enters(door, peer):
            door.shut()

    def shaking(self, door: Door) -> None:
        """A handshake begins: above the bound, the oldest one gives way, since honest ones take no time."""
        if len(self._shaking) >= self.limits.handshakes:
            next(iter(self._shaking)).shut()
        self._shaking[door] = None

    def leave(self, door: Door) -> None:
        """It has become something else, or has ended."""
        self.doors.pop(door, None)
        self._shaking.pop(door, None)
        self._crowd.leaves(door)

    def enter(self, connection: Connection) -> None:
        """It has begun, or come through a door; one too many of its address ends at once."""
        self.connections.add(connection)
        if not self._crowd.enters(connection, connection.peer):
            connection.abort()

    def forget(self, connection: Connection) -> None:
        """It has ended, with what was worked on."""
        self.connections.discard(connection)
        self._crowd.leaves(connection)
        if self._gone is not None and not self.connections and not self._gone.done():
            self._gone.set_result(None)

    async def _all_gone(self) -> None:
        if self.connections:
            self._gone = self.loop.create_future()
            await self._gone

    def date_line(self) -> bytes:
        """The Date header, made once a second."""
        if (now := int(time.time())) != self._date_at:
            self._date_at = now
            self._date = b"Date: %b\r\n" % email.utils.formatdate(now, usegmt=True).encode()
        return self._date
