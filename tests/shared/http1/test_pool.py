"""Connections that are kept, and calls that leave each other alone."""

import asyncio
from collections import Counter

import pytest

from shared.http1.client import Upstream
from shared.http1.exchange import Exchange
from shared.http1.faults import BrokenOff, Malformed, NotSent, Unanswered
from shared.http1.limits import Limits
from tests.fakes.waiting import eventually
from tests.shared.http1.peers import LIMIT, Peer, asked, pooling, serving, upstream
from tests.shared.http1.test_client import CHUNKED, SIZED, get
from tests.shared.http1.test_client_gone import slow
from tests.shared.http1.wire import Wire


async def say_five(peer: Peer) -> None:
    while True:
        await asked(peer)
        peer.send(SIZED)


async def test_the_last_connection_used_is_the_next() -> None:
    served: Counter[Peer] = Counter()

    async def counted(peer: Peer) -> None:
        while True:
            await asked(peer)
            served[peer] += 1
            peer.send(SIZED)

    async with upstream(counted) as (upstreams, address), pooling() as pool:
        await asyncio.gather(*[get(pool, address) for _ in range(5)])
        assert len(upstreams.peers) == pool.open_to(address) == 5
        busy = served.copy()
        for _ in range(20):
            await get(pool, address)
        assert len(upstreams.peers) == 5
        assert sorted(served[peer] - busy[peer] for peer in upstreams.peers) == [0, 0, 0, 0, 20]


async def test_few_are_kept_and_not_for_long() -> None:
    async with upstream(say_five) as (upstreams, address), pooling(Limits(pooled=2, idle_s=0.5)) as pool:
        await asyncio.gather(*[get(pool, address) for _ in range(5)])
        await eventually(lambda: pool.open_to(address) == 2)
        await eventually(lambda: pool.open_to(address) == 0)
        await eventually(lambda: all(peer.reader.at_eof() for peer in upstreams.peers))


async def test_none_is_kept_where_none_may_be() -> None:
    async with serving() as (server, address), pooling(Limits(pooled=0)) as pool:
        for _ in range(3):
            await get(pool, address)
        await eventually(lambda: not server.connections)


async def test_one_failing_call_leaves_the_others_of_its_address_alone() -> None:
    go = asyncio.Event()

    async def stream(peer: Peer) -> None:
        while True:
            head = await asked(peer)
            if b"GET /silent " in head:
                continue
            peer.send(CHUNKED + b"5\r\nhello\r\n")
            await go.wait()
            if b"GET /breaks " in head:
                peer.reset()
            elif b"GET /nonsense " in head:
                peer.send(b"nonsense")
            else:
                peer.send(b"1\r\n!\r\n0\r\n\r\n")

    async with upstream(stream) as (upstreams, address), pooling() as pool:
        whole = [pool.request(address, b"GET", b"/whole", []) for _ in range(8)]
        doomed = [pool.request(address, b"GET", path, []) for path in (b"/breaks", b"/nonsense", b"/whole")]
        streams = await asyncio.gather(*whole, *doomed)
        assert [await each.read() for each in streams] == [b"hello"] * 11
        streams[-1].close()
        left = asyncio.create_task(pool.request(address, b"GET", b"/silent", []))
        await eventually(lambda: len(upstreams.peers) == 12)
        left.cancel()
        go.set()
        assert [await each.whole(LIMIT) for each in streams[:8]] == [b"!"] * 8
        for each in streams[8:10]:
            with pytest.raises((BrokenOff, Malformed)):
                await each.whole(LIMIT)
        await eventually(lambda: pool.open_to(address) == 8)
        before = len(upstreams.peers)
        assert await get(pool, address) == (200, b"hello!")
        assert len(upstreams.peers) == before


@pytest.mark.parametrize("how", ["cancel", "close"])
async def test_who_gives_up_ends_the_upstreams_work(how: str) -> None:
    async with slow() as (handler, _, address), pooling() as pool:
        call = asyncio.create_task(get(pool, address))
        await eventually(lambda: handler.begun)
        call.cancel() if how == "cancel" else pool.close()
        await eventually(lambda: handler.ends == ["cancelled, gone"], timeout_s=1.0)
        with pytest.raises((asyncio.CancelledError, Unanswered)):
            await call
        assert pool.open_to(address) == 0


async def test_a_connection_that_closes_as_the_request_leaves_is_told_apart() -> None:
    async def once(peer: Peer) -> None:
        await asked(peer)
        peer.send(SIZED)
        await asked(peer)
        peer.close()

    async with upstream(once) as (_, address), pooling() as pool:
        await get(pool, address)
        with pytest.raises(Unanswered) as told:
            await get(pool, address)
        assert told.value.stale
        response = await pool.request(address, b"GET", b"/", [], fresh=True)
        assert await response.whole(9) == b"hello"


async def test_a_connection_that_closed_before_is_not_used() -> None:
    async def once(peer: Peer) -> None:
        await asked(peer)
        peer.send(SIZED)
        await asyncio.sleep(0.05)
        peer.close()

    async with upstream(once) as (upstreams, address), pooling() as pool:
        for number in range(1, 4):
            await get(pool, address)
            await eventually(lambda: not pool.open_to(address))
            assert len(upstreams.peers) == number


async def test_bytes_behind_an_answer_end_its_connection() -> None:
    """They could be taken for the next one's answer."""

    async def chatty(peer: Peer) -> None:
        await asked(peer)
        peer.send(SIZED + SIZED.replace(b"hello", b"other"))

    async with upstream(chatty) as (_, address), pooling() as pool:
        for _ in range(2):
            assert await get(pool, address) == (200, b"hello")
            await eventually(lambda: not pool.open_to(address))


async def test_bytes_that_nobody_asked_for_end_a_kept_connection() -> None:
    async def chatty(peer: Peer) -> None:
        await asked(peer)
        peer.send(SIZED)
        await asyncio.sleep(0.05)
        peer.send(SIZED)

    async with upstream(chatty) as (_, address), pooling() as pool:
        await get(pool, address)
        await eventually(lambda: not pool.open_to(address))


async def test_an_answer_may_be_read_after_its_connection_serves_another() -> None:
    async with serving() as (server, address), pooling() as pool:
        first = await pool.request(address, b"POST", b"/", [], b"x" * 200_000)
        await eventually(lambda: first._inflow.ended or first._inflow._held)
        second = await pool.request(address, b"POST", b"/", [], b"two")
        assert await second.whole(LIMIT) == b"two"
        assert await first.whole(LIMIT) == b"x" * 200_000
        assert len(server.connections) <= 2


async def test_a_closed_pool_asks_nobody() -> None:
    async with serving() as (_, address), pooling() as pool:
        pool.close()
        with pytest.raises(NotSent):
            await get(pool, address)


async def test_names_and_both_families() -> None:
    for host in ("127.0.0.1", "::1"):
        async with serving(host=host) as (_, address), pooling() as pool:
            assert (await get(pool, address))[0] == 200
            assert (await get(pool, address._replace(host="localhost")))[0] == 200

    async def host_of(exchange: Exchange) -> None:
        exchange.respond(200, [], exchange.head.get(b"host"))

    async with serving(host_of, host="::1") as (_, address), pooling() as pool:
        assert (await get(pool, address))[1] == b"[::1]:%d" % address.port


async def test_a_request_that_never_left_is_told_apart() -> None:
    upstream = Upstream(Limits(), lambda _upstream: None, lambda _upstream: None)
    wire = Wire(upstream)
    wire.close()
    await eventually(lambda: upstream.lost)
    with pytest.raises(NotSent):
        await upstream.request(b"GET", b"GET / HTTP/1.1\r\n\r\n")
    assert not wire.out


async def test_an_answer_whose_last_piece_could_not_be_passed_on_leaves_the_next_call_alone() -> None:
    """Its connection is free by then, and may be at work for another."""
    go = asyncio.Event()

    async def twice(peer: Peer) -> None:
        await asked(peer)
        peer.send(CHUNKED + b"5\r\nhello\r\n")
        await go.wait()
        peer.send(b"0\r\n\r\n")
        await asked(peer)
        await asyncio.sleep(0.05)
        peer.send(SIZED)

    def fails(data: bytes, last: bool) -> None:
        if last or data == b"hello":
            raise ValueError("no such frame")

    async with upstream(twice) as (upstreams, address), pooling() as pool:
        response = await pool.request(address, b"GET", b"/", [])
        pouring = asyncio.create_task(response.pour(fails))
        await asyncio.sleep(0)
        go.set()
        await eventually(lambda: pool.idle_to(address) == 1)
        next_call = asyncio.create_task(get(pool, address))
        await asyncio.sleep(0.02)
        with pytest.raises(ValueError, match="no such frame"):
            await pouring
        response.close()
        assert await next_call == (200, b"hello")
        assert len(upstreams.peers) == 1
