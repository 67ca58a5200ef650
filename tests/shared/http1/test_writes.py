"""How often a connection is written to: each time is a call of the kernel, and most of what a call costs."""

import asyncio

import pytest

from shared.http1.exchange import Exchange
from shared.http1.limits import Limits
from shared.http1.server import Handler, Server
from tests.fakes.waiting import eventually
from tests.shared.http1.peers import Peer, asked, connected, pooling, refusal, serving, upstream
from tests.shared.http1.test_client import CHUNKED, SIZED
from tests.shared.http1.test_pouring import proxy
from tests.shared.http1.wire import Wire

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"


class Counting(Wire):
    """Every write by itself."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self.writes: list[bytes] = []
        super().__init__(protocol)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))


async def whole(exchange: Exchange) -> None:
    exchange.respond(200, [], b"hello")


async def sized(exchange: Exchange) -> None:
    exchange.start(200, [], 5)
    exchange.end(b"hello")


async def in_chunks(exchange: Exchange) -> None:
    exchange.start(200, [])
    exchange.write(b"hel")
    exchange.end(b"lo")


async def head_first(exchange: Exchange) -> None:
    exchange.start(200, [])
    exchange.send_head()
    exchange.end(b"hello")


@pytest.mark.parametrize(
    ("handler", "ends"),
    [
        (whole, [b"\r\n\r\nhello"]),
        (sized, [b"\r\n\r\nhello"]),
        (in_chunks, [b"\r\n\r\n3\r\nhel\r\n", b"2\r\nlo\r\n0\r\n\r\n"]),
        (head_first, [b"\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n"]),
    ],
)
async def test_as_few_writes_as_may_be(handler: Handler, ends: list[bytes]) -> None:
    server = Server(handler, refusal, Limits())
    wire = Counting(server.protocol())
    wire.feed(GET)
    await eventually(lambda: len(wire.writes) >= len(ends))
    assert [write[-len(end) :] for write, end in zip(wire.writes, ends, strict=True)] == ends
    await server.stop(0.0)


@pytest.mark.parametrize(
    ("answer", "end"), [(SIZED, b"hello"), (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", b"0\r\n\r\n")]
)
async def test_an_answer_that_came_in_one_read_leaves_in_one_write(answer: bytes, end: bytes) -> None:
    async def say(peer: Peer) -> None:
        await asked(peer)
        peer.send(answer)

    async with upstream(say) as (_, address), proxy(address) as (_, own, _), connected(own, GET) as peer:
        assert (await peer.reader.read(2**16)).endswith(end)


async def test_a_request_leaves_in_one_write() -> None:
    reads: list[bytes] = []

    async def say(peer: Peer) -> None:
        reads.append(await peer.reader.read(2**16))
        peer.send(SIZED)

    async with upstream(say) as (_, address), pooling() as pool:
        response = await pool.request(address, b"POST", b"/x", [(b"X-A", b"b")], b"body")
        assert await response.whole(9) == b"hello"
    assert reads == [
        b"POST /x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-A: b\r\nContent-Length: 4\r\n\r\nbody" % address.port
    ]


async def test_a_handler_knows_whom_it_answers() -> None:
    async def told(exchange: Exchange) -> None:
        exchange.respond(200, [], exchange.peer.encode())

    for host in ("127.0.0.1", "::1"):
        async with serving(told, host=host) as (_, address), connected(address, GET) as peer:
            assert (await peer.answer())[1] == host.encode()
