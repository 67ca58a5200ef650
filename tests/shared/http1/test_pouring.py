"""From an upstream to a client: bytes, ends, and who waits for whom."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from shared.http1.client import Response
from shared.http1.exchange import Exchange
from shared.http1.faults import UpstreamFault
from shared.http1.limits import Limits
from shared.http1.pool import Address, Pool
from shared.http1.server import Server
from tests.fakes.waiting import eventually
from tests.shared.http1.peers import LIMIT, SOON_S, Peer, asked, connected, pooling, serving, upstream
from tests.shared.http1.test_client import CHUNKED, OK, SIZED
from tests.shared.http1.test_client_gone import GET

DROPPED = frozenset((b"host", b"date"))


async def poured(response: Response, exchange: Exchange) -> None:
    exchange.push_back(response)
    try:
        await response.pour(lambda data, last: exchange.end(data) if last else exchange.write(data))
    finally:
        exchange.push_back(None)


@contextlib.asynccontextmanager
async def proxy(
    address: Address, limits: Limits | None = None
) -> AsyncIterator[tuple[Server, Address, Pool]]:
    """Tells its client of an upstream's break by a last line."""
    async with pooling(limits) as pool:

        async def relay(exchange: Exchange) -> None:
            head, body = exchange.head, await exchange.body(LIMIT)
            response = await pool.request(address, head.method, head.target, head.end_to_end(DROPPED), body)
            try:
                exchange.start(response.head.status, response.head.end_to_end(DROPPED), response.length)
                await poured(response, exchange)
            except UpstreamFault as fault:
                if response.length is None:
                    exchange.end(b"!" + type(fault).__name__.encode())
                else:
                    exchange.abort()
            finally:
                response.close()

        async with serving(relay, limits) as (server, own):
            yield server, own, pool


async def test_an_answer_of_either_kind_passes() -> None:
    answers = [SIZED, CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", OK + b"\r\nhello"]

    async def say(peer: Peer) -> None:
        while answers:
            await asked(peer)
            peer.send(answers.pop(0))
        peer.close()

    async with upstream(say) as (upstreams, address), proxy(address) as (_, own, _), connected(own) as peer:
        peer.send(GET)
        assert (await peer.answer())[1] == b"hello"
        for _ in range(2):
            peer.send(GET)
            assert (await peer.until(b"0\r\n\r\n")).endswith(b"chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        assert len(upstreams.peers) == 1


async def test_pieces_pass_as_they_come() -> None:
    steps = asyncio.Semaphore(0)

    async def stream(peer: Peer) -> None:
        await asked(peer)
        peer.send(CHUNKED)
        for number in range(5):
            peer.send(b"1\r\n%d\r\n" % number)
            await steps.acquire()
        peer.send(b"0\r\n\r\n")

    async with upstream(stream) as (_, address), proxy(address) as (_, own, _), connected(own, GET) as peer:
        await peer.until(b"\r\n\r\n")
        for number in range(5):
            assert await peer.until(b"\r\n%d\r\n" % number) == b"1\r\n%d\r\n" % number
            steps.release()
        assert await peer.until(b"\r\n\r\n") == b"0\r\n\r\n"


async def test_pieces_that_came_together_leave_together() -> None:
    async def stream(peer: Peer) -> None:
        await asked(peer)
        peer.send(CHUNKED + b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")

    async with upstream(stream) as (_, address), proxy(address) as (_, own, _), connected(own, GET) as peer:
        assert (await peer.until(b"0\r\n\r\n")).endswith(b"\r\n\r\n6\r\nonetwo\r\n0\r\n\r\n")


async def test_a_break_can_still_be_told_and_looks_like_none_where_it_cannot() -> None:
    said = CHUNKED + b"5\r\nhello\r\n"

    async def breaks(peer: Peer) -> None:
        await asked(peer)
        peer.send(said)
        await asyncio.sleep(0.05)
        peer.reset()

    async with upstream(breaks) as (_, address), proxy(address) as (_, own, pool):
        async with connected(own, GET) as peer:
            assert (await peer.until(b"0\r\n\r\n")).endswith(b"a\r\n!BrokenOff\r\n0\r\n\r\n")
        said = OK + b"Content-Length: 9\r\n\r\nhello"
        async with connected(own, GET) as peer:
            await peer.until(b"hello")
            with pytest.raises(ConnectionResetError):
                await peer.rest()
        await eventually(lambda: not pool.open_to(address))


async def test_what_fails_on_the_way_ends_the_upstreams_work() -> None:
    async def stream(peer: Peer) -> None:
        await asked(peer)
        peer.send(CHUNKED + b"3\r\none\r\n")

    def fails(_data: bytes, _last: bool) -> None:
        raise ValueError("no such frame")

    async with upstream(stream) as (upstreams, address), pooling() as pool:

        async def relay(exchange: Exchange) -> None:
            response = await pool.request(address, b"GET", b"/", [])
            exchange.start(200, [])
            with pytest.raises(ValueError, match="no such frame"):
                await response.pour(fails)
            response.close()
            exchange.end(b"broken")

        async with serving(relay) as (_, own), connected(own, GET) as peer:
            assert b"broken" in await peer.until(b"0\r\n\r\n")
            await eventually(lambda: not pool.open_to(address))
            await eventually(upstreams.peers[0].writer.transport.is_closing)


@pytest.mark.parametrize("leave", ["close", "reset"])
async def test_a_client_that_leaves_ends_the_upstreams_work(leave: str) -> None:
    async def stream(peer: Peer) -> None:
        await asked(peer)
        peer.send(CHUNKED)
        for _ in range(500):
            peer.send(b"1\r\nx\r\n")
            await asyncio.sleep(0.02)

    async with upstream(stream) as (_, address), proxy(address) as (server, own, pool):
        async with connected(own, GET) as peer:
            await peer.until(b"x\r\n")
            getattr(peer, leave)()
        await eventually(lambda: not pool.open_to(address), timeout_s=1.0)
        await eventually(lambda: not server.connections)


async def test_a_slow_client_makes_the_upstream_wait() -> None:
    size = 40 * LIMIT

    async def much(peer: Peer) -> None:
        await asked(peer)
        peer.send(CHUNKED)
        for _ in range(40):
            peer.send(b"100000\r\n" + b"x" * 2**20 + b"\r\n")
        peer.send(b"0\r\n\r\n")

    tight = Limits(buffered=2**16)
    async with (
        upstream(much) as (upstreams, address),
        proxy(address, tight) as (server, own, _),
        connected(own, GET) as peer,
    ):
        await peer.until(b"\r\n\r\n")
        await eventually(lambda: next(iter(server.connections)).paused)
        await asyncio.sleep(0.2)
        (connection,) = server.connections
        assert connection._transport.get_write_buffer_size() < 2**20
        assert upstreams.peers[0].unsent > size / 4
        seen = 0
        async with asyncio.timeout(SOON_S * 4):
            while not (chunk := await peer.reader.read(2**20)).endswith(b"\r\n0\r\n\r\n"):
                seen += len(chunk)
        assert seen + len(chunk) > size


async def test_a_call_that_is_cut_leaves_the_others_of_its_upstream() -> None:
    go = asyncio.Event()

    async def stream(peer: Peer) -> None:
        await asked(peer)
        peer.send(CHUNKED + b"5\r\nhello\r\n")
        await go.wait()
        peer.send(b"0\r\n\r\n")

    async with upstream(stream) as (_, address), proxy(address) as (_, own, pool):
        async with connected(own, GET) as other, connected(own, GET) as leaving:
            for peer in (other, leaving):
                await peer.until(b"hello\r\n")
            leaving.reset()
            await eventually(lambda: pool.open_to(address) == 1)
            go.set()
            assert await other.until(b"\r\n\r\n") == b"0\r\n\r\n"
        assert pool.open_to(address) == 1
