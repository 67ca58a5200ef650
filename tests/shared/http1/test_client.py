"""One upstream, byte by byte."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.http1.faults import (
    BrokenOff,
    Malformed,
    NotConnected,
    NotSent,
    TooLarge,
    TooManyOpen,
    Unanswered,
    UpstreamFault,
)
from shared.http1.limits import Limits
from shared.http1.pool import Address, Pool
from tests.fakes.waiting import eventually
from tests.shared.http1.peers import LIMIT, SOON_S, Peer, asked, pooling, serving, upstream

OK = b"HTTP/1.1 200 OK\r\n"
SIZED = OK + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


async def get(pool: Pool, address: Address, method: bytes = b"GET") -> tuple[int, bytes]:
    response = await pool.request(address, method, b"/x", [(b"X-A", b"b")])
    return response.head.status, await response.whole(LIMIT)


@pytest.mark.parametrize(
    ("answer", "status", "body", "kept"),
    [
        (SIZED, 200, b"hello", True),
        (CHUNKED + b"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-Trailer: no\r\n\r\n", 200, b"hello", True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + SIZED, 200, b"hello", True),
        (b"HTTP/1.1 204 None\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", 304, b"", True),
        (OK + b"\r\nhello", 200, b"hello", False),
        (SIZED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), 200, b"hello", False),
        (SIZED.replace(b"/1.1", b"/1.0"), 200, b"hello", False),
        (SIZED + b"HTTP", 200, b"hello", False),
    ],
)
async def test_answers_however_they_are_cut(answer: bytes, status: int, body: bytes, kept: bool) -> None:
    step = len(answer)

    async def say(peer: Peer) -> None:
        await asked(peer)
        for at in range(0, len(answer), step):
            peer.send(answer[at : at + step])
            await asyncio.sleep(0)
        if not kept:
            peer.shut()

    for each in (len(answer), 1, 7):
        step = each
        async with upstream(say) as (_, address), pooling() as pool:
            assert await get(pool, address) == (status, body)
            await eventually(lambda: pool.open_to(address) == (1 if kept else 0))


async def test_head_has_no_body_whatever_its_length() -> None:
    async def say(peer: Peer) -> None:
        while True:
            await asked(peer)
            peer.send(OK + b"Content-Length: 5\r\n\r\n")

    async with upstream(say) as (upstreams, address), pooling() as pool:
        for _ in range(3):
            response = await pool.request(address, b"HEAD", b"/x", [])
            assert (response.length, await response.read()) == (5, b"")
        assert len(upstreams.peers) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\n\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK + b"X: a\r\n b\r\n\r\n",
        OK + b"X: " + b"a" * 500,
        OK + b"X: y\r\n" * 9 + b"\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
        CHUNKED + b"zz\r\n",
        CHUNKED + b"2\r\nhello\r\n0\r\n\r\n",
    ],
)
async def test_what_is_no_answer(answer: bytes) -> None:
    async def say(peer: Peer) -> None:
        await asked(peer)
        peer.send(answer)

    async with upstream(say) as (_, address), pooling(Limits(head=400, headers=8)) as pool:
        with pytest.raises(Malformed):
            await get(pool, address)
        await eventually(lambda: not pool.open_to(address))


@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (b"", Unanswered),
        (b"HTTP/1.1 20", BrokenOff),
        (OK + b"Content-Length: 5\r\n\r\nhe", BrokenOff),
        (CHUNKED + b"5\r\nhel", BrokenOff),
        (CHUNKED + b"5\r\nhello\r\n", BrokenOff),
        (CHUNKED + b"5\r\nhello\r\n0\r\n", BrokenOff),
    ],
)
async def test_an_upstream_that_is_gone(said: bytes, fault: type[UpstreamFault], leave: str) -> None:
    go = asyncio.Event()

    async def say(peer: Peer) -> None:
        await asked(peer)
        peer.send(said)
        await go.wait()
        getattr(peer, leave)()

    async with upstream(say) as (_, address), pooling() as pool:
        call = asyncio.create_task(get(pool, address))
        await asyncio.sleep(0.05)
        go.set()
        with pytest.raises(fault) as told:
            await call
        assert getattr(told.value, "stale", False) is False
        await eventually(lambda: not pool.open_to(address))


async def test_what_came_before_the_break_can_be_read() -> None:
    async def say(peer: Peer) -> None:
        await asked(peer)
        peer.send(CHUNKED + b"5\r\nhello\r\n")
        peer.close()

    async with upstream(say) as (_, address), pooling() as pool:
        response = await pool.request(address, b"GET", b"/", [])
        assert await response.read() == b"hello"
        with pytest.raises(BrokenOff):
            await response.read()


async def test_an_answer_without_a_length_that_is_reset_is_not_whole() -> None:
    async def say(peer: Peer) -> None:
        await asked(peer)
        peer.send(OK + b"\r\nhello")
        await asyncio.sleep(0.05)
        peer.reset()

    async with upstream(say) as (_, address), pooling() as pool:
        with pytest.raises(BrokenOff):
            await get(pool, address)


async def test_nobody_there() -> None:
    async with pooling(Limits(connect_s=0.3)) as pool:
        async with serving() as (server, address):
            await server.stop(0.0)
        with pytest.raises(NotConnected):
            await get(pool, address)
        for host in ("no.such.host.invalid", "a b", "", "x" * 70 + ".local"):
            with pytest.raises(NotSent):
                await get(pool, Address(host, 1))
        with pytest.raises(NotSent):
            await get(pool, Address("127.0.0.1", 70_000))


async def test_the_bound_on_connections() -> None:
    async def silent(peer: Peer) -> None:
        await asked(peer)

    async with upstream(silent) as (upstreams, address), pooling(Limits(connections=2)) as pool:
        calls = [asyncio.create_task(get(pool, address)) for _ in range(2)]
        await eventually(lambda: len(upstreams.peers) == 2)
        with pytest.raises(TooManyOpen):
            await get(pool, address)
        calls[0].cancel()
        await eventually(lambda: pool.open_to(address) == 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await get(pool, address)
        calls[1].cancel()
        await asyncio.wait(calls)


async def test_a_body_too_large_to_be_had_whole() -> None:
    async def say(peer: Peer) -> None:
        await asked(peer)
        peer.send(CHUNKED, b"fff\r\n" + b"x" * 0xFFF + b"\r\n")

    async with upstream(say) as (_, address), pooling() as pool:
        response = await pool.request(address, b"GET", b"/", [])
        with pytest.raises(TooLarge):
            await response.whole(100)
        await eventually(lambda: not pool.open_to(address))


async def test_a_slow_reader_makes_the_upstream_wait() -> None:
    async def much(peer: Peer) -> None:
        await asked(peer)
        peer.send(OK + b"Content-Length: %d\r\n\r\n" % (40 * LIMIT), b"x" * 40 * LIMIT)

    async with upstream(much) as (upstreams, address), pooling(Limits(buffered=2**16)) as pool:
        response = await pool.request(address, b"GET", b"/", [])
        await asyncio.sleep(0.2)
        assert upstreams.peers[0].unsent > 10 * LIMIT
        total = 0
        while piece := await response.read():
            assert len(piece) <= 2**16 + 2**18
            total += len(piece)
        assert total == 40 * LIMIT
        assert pool.open_to(address) == 1


async def test_a_body_in_pieces_and_an_answer_before_its_end() -> None:
    async def pieces(number: int) -> AsyncIterator[bytes]:
        for _ in range(number):
            yield b"x" * 1_000
            await asyncio.sleep(0)

    async with serving() as (_, address), pooling() as pool:
        for length in (None, 20_000):
            response = await pool.request(address, b"POST", b"/", [], pieces(20), length=length)
            assert await response.whole(LIMIT) == b"x" * 20_000
        assert pool.open_to(address) == 1

    async def early(peer: Peer) -> None:
        await asked(peer)
        peer.send(b"HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno")

    async with upstream(early) as (_, address), pooling() as pool:
        async with asyncio.timeout(SOON_S):
            response = await pool.request(address, b"POST", b"/", [], pieces(10**9))
        assert (response.head.status, await response.whole(9)) == (413, b"no")
        await eventually(lambda: not pool.open_to(address))


async def test_what_cannot_be_sent_is_no_connections_fault() -> None:
    async with serving() as (_, address), pooling() as pool:
        for headers in ([(b"X", b"a\r\nb: c")], [(b"Host", b"b")], [(b"Content-Length", b"1")]):
            with pytest.raises(ValueError, match="cannot be sent"):
                await pool.request(address, b"GET", b"/", headers)
        assert pool.open_to(address) == 0
