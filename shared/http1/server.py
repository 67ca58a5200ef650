"""Listens for HTTP/1.1 and gives each request to one handler; whole connections may go to another protocol."""

import asyncio
import email.utils
import socket
import time
from collections.abc import Awaitable, Callable, Iterable

from shared.http1.connection import Connection
from shared.http1.crowd import Crowd
from shared.http1.exchange import Exchange
from shared.http1.faults import BadMessage
from shared.http1.heads import Header, RequestHead
from shared.http1.limits import Limits
from shared.http1.sweep import Sweep

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
        ours: Callable[[RequestHead], bool] = lambda _head: True,
        other: Callable[[], asyncio.Protocol] | None = None,
    ) -> None:
        """A connection whose request is not `ours` is handed to a protocol made by `other`, with all of its bytes."""
        self.handler = handler
        self.refusal = refusal
        self.limits = limits
        self.ours = ours
        self.other = other
        self.loop = asyncio.get_running_loop()
        self.sweep = Sweep()
        self.connections: set[Connection] = set()
        self.crowd = Crowd(limits.per_address)
        self.stopping = False
        self._listening: list[asyncio.Server] = []
        self._gone: asyncio.Future[None] | None = None
        self._date = b""
        self._date_at = 0

    def protocol(self) -> Connection:
        """For one connection that was accepted."""
        return Connection(self)

    async def listen(self, listeners: Iterable[socket.socket]) -> None:
        """Serves these sockets, which are bound, until `stop`."""
        for listener in listeners:
            self._listening.append(
                await self.loop.create_server(self.protocol, sock=listener, backlog=BACKLOG)
            )

    async def stop(self, patience_s: float) -> None:
        """Takes no new connection or request; open exchanges have `patience_s` seconds to end and their answers to
        leave, then are cut.
        """
        self.stopping = True
        for listening in self._listening:
            listening.close()
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

    def enter(self, connection: Connection) -> None:
        """It has begun; one too many of its address ends at once."""
        self.connections.add(connection)
        if not self.crowd.enters(connection, connection.peer):
            connection.abort()

    def forget(self, connection: Connection) -> None:
        """It has ended, with what was worked on, or belongs to another protocol now."""
        self.connections.discard(connection)
        self.crowd.leaves(connection)
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
