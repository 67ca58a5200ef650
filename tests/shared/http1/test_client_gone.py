"""Who shut its side wants its answer; who is gone wants none. Both say the same at first."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from shared.http1.exchange import Exchange
from shared.http1.pool import Address
from shared.http1.server import Server
from tests.fakes.waiting import eventually
from tests.shared.http1.peers import LIMIT, connected, serving

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
OLD = b"GET /a HTTP/1.0\r\n\r\n"
HALF = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"
PROBE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Slow:
    """A handler that answers once it may; what became of its calls."""

    def __init__(self) -> None:
        self.go, self.begun = asyncio.Event(), 0
        self.ends: list[str] = []

    async def __call__(self, exchange: Exchange) -> None:
        self.begun += 1
        try:
            await exchange.body(LIMIT)
            await self.go.wait()
            exchange.respond(200, [], b"late")
        except asyncio.CancelledError:
            self.ends.append("cancelled, gone" if exchange.gone else "cancelled")
            raise
        self.ends.append("answered")


@contextlib.asynccontextmanager
async def slow() -> AsyncIterator[tuple[Slow, Server, Address]]:
    handler = Slow()
    async with serving(handler) as (server, address):
        yield handler, server, address


async def test_a_client_that_shut_its_side_gets_its_answer() -> None:
    async with slow() as (handler, _, address), connected(address, GET) as peer:
        peer.shut()
        assert await peer.until(b"\r\n\r\n") == PROBE
        handler.go.set()
        assert (await peer.rest()).endswith(b"late")
    assert handler.ends == ["answered"]


async def test_so_does_one_that_asked_twice() -> None:
    async with serving() as (_, address), connected(address, GET + GET.replace(b"/a", b"/b")) as peer:
        peer.shut()
        answers = (await peer.rest()).replace(PROBE, b"")
        assert answers.count(b"HTTP/1.1 200") == 2
        assert b"GET /b" in answers


async def test_an_old_client_is_sent_no_interim_answer() -> None:
    async with slow() as (handler, _, address), connected(address, OLD) as peer:
        peer.shut()
        await eventually(lambda: handler.begun)
        handler.go.set()
        assert (await peer.rest()).startswith(b"HTTP/1.1 200")


async def test_a_client_that_closed_is_told_from_one_that_only_shut_its_side() -> None:
    """Within a second: a place on a node is free by then."""
    async with slow() as (handler, server, address):
        async with connected(address, GET) as peer:
            await eventually(lambda: handler.begun)
            peer.close()
            await eventually(lambda: handler.ends, timeout_s=1.0)
        assert handler.ends == ["cancelled, gone"]
        await eventually(lambda: not server.connections)


async def test_a_client_that_reset_is_gone() -> None:
    async with slow() as (handler, _, address), connected(address, GET) as peer:
        await eventually(lambda: handler.begun)
        peer.reset()
        await eventually(lambda: handler.ends == ["cancelled, gone"], timeout_s=1.0)


async def test_a_reset_is_seen_behind_requests_that_wait() -> None:
    """Nothing is read then, and so nothing is heard."""
    async with slow() as (handler, _, address), connected(address, GET) as peer:
        await eventually(lambda: handler.begun)
        peer.send(GET * 10)
        await asyncio.sleep(0.1)
        peer.reset()
        await eventually(lambda: handler.ends == ["cancelled, gone"], timeout_s=2.0)


async def test_half_a_request_is_none() -> None:
    async with slow() as (handler, server, address), connected(address, HALF) as peer:
        await eventually(lambda: handler.begun)
        peer.shut()
        assert await peer.rest() == b""
        await eventually(lambda: handler.ends == ["cancelled, gone"])
        await eventually(lambda: not server.connections)


async def test_half_a_head_is_none() -> None:
    async with serving() as (server, address), connected(address, GET, GET[:9]) as peer:
        await peer.answer()
        peer.shut()
        assert await peer.rest() == b""
        await eventually(lambda: not server.connections)


async def test_a_client_that_leaves_in_the_middle_of_a_stream_ends_it() -> None:
    ended = asyncio.Event()

    async def stream(exchange: Exchange) -> None:
        exchange.start(200, [])
        try:
            for number in range(500):
                exchange.write(b"data: %d\n\n" % number)
                await asyncio.sleep(0.02)
        finally:
            ended.set()

    for leave in ("close", "reset"):
        ended.clear()
        async with serving(stream) as (_, address), connected(address, GET) as peer:
            await peer.until(b"data: 3\n\n")
            getattr(peer, leave)()
            async with asyncio.timeout(1.0):
                await ended.wait()


async def test_a_client_that_leaves_a_stream_that_stands_still_ends_it() -> None:
    """Its end looks like that of a sending side, and no byte can be sent to find out."""
    ended = asyncio.Event()

    async def stands(exchange: Exchange) -> None:
        exchange.start(200, [])
        exchange.write(b"data: 0\n\n")
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with serving(stands) as (_, address), connected(address, GET) as peer:
        await peer.until(b"data: 0\n\n")
        peer.close()
        async with asyncio.timeout(1.0):
            await ended.wait()


async def test_one_that_shut_its_side_before_the_stream_gets_all_of_it() -> None:
    go = asyncio.Event()

    async def stream(exchange: Exchange) -> None:
        await go.wait()
        exchange.start(200, [])
        for number in range(3):
            exchange.write(b"data: %d\n\n" % number)
            await asyncio.sleep(0.05)
        exchange.end()

    async with serving(stream) as (_, address), connected(address, GET) as peer:
        peer.shut()
        await peer.until(PROBE)
        go.set()
        assert b"data: 2" in await peer.rest()


async def test_what_is_written_after_a_client_has_gone_is_dropped_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A fast engine's chunks come many at once: all that one read brought are written before anybody hears of it."""
    clients: list[socket.socket] = []

    async def fast(exchange: Exchange) -> None:
        exchange.start(200, [])
        client = clients.pop()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        for _ in range(100):
            exchange.write(b"chunk")
        exchange.end()

    async with serving(fast) as (server, address):
        clients.append(socket.create_connection((address.host, address.port)))
        clients[0].sendall(GET)
        await eventually(lambda: not clients and not server.connections)
    assert [each.getMessage() for each in caplog.records if each.name == "asyncio"] == []
