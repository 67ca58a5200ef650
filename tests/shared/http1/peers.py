"""The two ends of a connection, byte by byte: a client that says what it likes, an upstream that does."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

from shared.http1.exchange import Exchange
from shared.http1.faults import BadMessage
from shared.http1.heads import Header, RequestHead
from shared.http1.limits import Limits
from shared.http1.pool import Address, Pool
from shared.http1.server import Handler, Server


class Spoken(NamedTuple):
    """How bytes travel in a test: `names` whom a client expects."""

    server: ssl.SSLContext | None = None
    client: ssl.SSLContext | None = None
    names: str = ""

    def address(self, host: str, port: int) -> Address:
        return Address(host, port, self.client is not None, self.names)


SPOKEN = Spoken()
"""The fixture `spoken` replaces it."""
LIMIT = 2**20
SOON_S = 5.0
"""For what is to happen at once: longer only where a machine is busy."""


def refusal(fault: BadMessage, head: RequestHead | None) -> tuple[list[Header], bytes]:
    path = head.path if head else b"?"
    return [(b"Content-Type", b"application/json")], b'{"error":"%b","path":"%b"}' % (
        str(fault).encode(),
        path,
    )


async def echo(exchange: Exchange) -> None:
    """What was asked, and its body."""
    body = await exchange.body(LIMIT)
    exchange.respond(200, [(b"X-Asked", exchange.head.method + b" " + exchange.head.target)], body)


@contextlib.asynccontextmanager
async def serving(
    handler: Handler = echo, limits: Limits | None = None, host: str = "127.0.0.1", **options: Any
) -> AsyncIterator[tuple[Server, Address]]:
    options = {"tls": SPOKEN.server, "plain": False} | options if SPOKEN.server else options
    server = Server(handler, refusal, limits or Limits(), **options)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family)
    address = SPOKEN.address(host, listener.getsockname()[1])
    await server.listen([listener])
    try:
        yield server, address
    finally:
        await server.stop(0.0)


class Peer:
    """One end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, *data: bytes) -> None:
        self.writer.writelines(data)

    async def until(self, end: bytes) -> bytes:
        """All up to these bytes."""
        async with asyncio.timeout(SOON_S):
            return await self.reader.readuntil(end)

    async def answer(self) -> tuple[bytes, bytes]:
        """Head and body of one answer with a Content-Length."""
        head = await self.until(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        async with asyncio.timeout(SOON_S):
            return head, await self.reader.readexactly(length)

    async def rest(self) -> bytes:
        """All until the other end closes."""
        async with asyncio.timeout(SOON_S):
            return await self.reader.read()

    @property
    def unsent(self) -> int:
        """Bytes that the other end does not take."""
        transport: Any = self.writer.transport
        within = getattr(transport, "_ssl_protocol", None)
        return int((within._transport if within else transport).get_write_buffer_size())

    def shut(self) -> None:
        """Its side alone; TLS as it is spoken here ends both."""
        if self.writer.can_write_eof():
            self.writer.write_eof()
        else:
            self.writer.close()

    def reset(self) -> None:
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def close(self) -> None:
        self.writer.close()


@contextlib.asynccontextmanager
async def connected(address: Address, *said: bytes) -> AsyncIterator[Peer]:
    named: dict[str, Any] = {"ssl": SPOKEN.client, "server_hostname": ""} if address.tls else {}
    peer = Peer(*await asyncio.open_connection(address.host, address.port, **named))
    try:
        peer.send(*said)
        yield peer
    finally:
        peer.close()


async def told(address: Address, *said: bytes) -> bytes:
    """All that the server answers until it closes."""
    async with connected(address, *said) as peer:
        return await peer.rest()


class Upstreams:
    """Accepted connections, in order; each is played by `script`."""

    def __init__(self, script: Callable[[Peer], Awaitable[None]]) -> None:
        self.script = script
        self.peers: list[Peer] = []
        self.tasks: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self.peers.append(peer)
        task = asyncio.ensure_future(self.play(peer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def play(self, peer: Peer) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self.script(peer)


@contextlib.asynccontextmanager
async def upstream(
    script: Callable[[Peer], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Upstreams, Address]]:
    upstreams = Upstreams(script)
    server = await asyncio.start_server(upstreams.accept, "127.0.0.1", 0, ssl=tls or SPOKEN.server)
    try:
        yield upstreams, SPOKEN.address("127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for peer in upstreams.peers:
            peer.close()
        for task in list(upstreams.tasks):
            task.cancel()
        await asyncio.gather(*upstreams.tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def pooling(limits: Limits | None = None) -> AsyncIterator[Pool]:
    pool = Pool(limits or Limits(), SPOKEN.client)
    try:
        yield pool
    finally:
        pool.close()


async def asked(peer: Peer) -> bytes:
    """A request's head."""
    return await peer.until(b"\r\n\r\n")
