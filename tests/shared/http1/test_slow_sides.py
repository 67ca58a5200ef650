"""Who takes no more for a while holds the other side, and loses nothing; who takes nothing for good is given up."""

import asyncio

from shared.http1.exchange import Exchange
from shared.http1.limits import Limits
from tests.fakes.waiting import eventually
from tests.shared.http1.peers import LIMIT, SOON_S, connected, echo, serving

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_a_slow_reader_makes_the_writer_wait() -> None:
    written = 0

    async def much(exchange: Exchange) -> None:
        nonlocal written
        exchange.start(200, [])
        for _ in range(1_000):
            exchange.write(b"x" * 2**16)
            written += 2**16
            await exchange.drain()
        exchange.end()

    async with serving(much, Limits(buffered=2**16)) as (server, address), connected(address, GET) as peer:
        await peer.until(b"\r\n\r\n")
        await eventually(lambda: next(iter(server.connections)).paused)
        seen = 0
        while seen < written:  # the kernel's own buffers grow for a while
            seen = written
            await asyncio.sleep(0.2)
        assert seen < 500 * 2**16
        async with asyncio.timeout(SOON_S * 4):
            while (chunk := await peer.reader.read(2**20)) and not chunk.endswith(b"\r\n0\r\n\r\n"):
                pass
        assert written == 1_000 * 2**16


async def test_a_slow_handler_makes_the_sender_wait() -> None:
    go, pieces = asyncio.Event(), []

    async def reading(exchange: Exchange) -> None:
        pieces.append(await exchange.read())
        await go.wait()
        while piece := await exchange.read():
            pieces.append(piece)
        exchange.respond(200, [], b"%d" % sum(map(len, pieces)))

    size = 40 * 2**20
    async with serving(reading, Limits(buffered=2**16)) as (server, address), connected(address) as peer:
        peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size, b"x" * size)
        await eventually(lambda: pieces)
        await asyncio.sleep(0.2)
        assert len(pieces) == 1
        assert peer.unsent > size / 4
        assert not next(iter(server.connections)).unread
        go.set()
        assert (await peer.answer())[1] == b"%d" % size
        assert max(map(len, pieces)) <= 2**16 + 2**18


async def test_a_client_that_asks_and_does_not_read_is_answered_no_further() -> None:
    """Else its answers would pile up in memory."""
    answers = 0

    async def large(exchange: Exchange) -> None:
        nonlocal answers
        answers += 1
        exchange.respond(200, [], b"x" * LIMIT)

    async with serving(large) as (server, address), connected(address, GET * 100) as peer:
        await eventually(lambda: answers and next(iter(server.connections)).paused)
        seen = 0
        while seen < answers:  # the kernel's own buffers grow for a while
            seen = answers
            await asyncio.sleep(0.2)
        assert next(iter(server.connections))._transport.get_write_buffer_size() <= 2 * LIMIT
        assert seen < 50
        peer.send(GET)
        for _ in range(101):
            assert len((await peer.answer())[1]) == LIMIT


async def test_nor_is_one_that_asks_again() -> None:
    answers, size = 0, 16 * LIMIT

    async def large(exchange: Exchange) -> None:
        nonlocal answers
        answers += 1
        exchange.respond(200, [], b"x" * size)

    async with serving(large) as (server, address), connected(address, GET) as peer:
        await eventually(lambda: answers and next(iter(server.connections)).paused)
        (connection,) = server.connections
        peer.send(GET)
        await eventually(lambda: connection.unread)
        assert answers == 1
        for _ in range(2):
            assert len((await peer.answer())[1]) == size


async def test_a_slow_reader_gets_all_of_the_last_answer() -> None:
    """However long it takes, as long as it reads."""
    size = 16 * LIMIT

    async def large(exchange: Exchange) -> None:
        exchange.respond(200, [], b"x" * size)

    hasty = Limits(linger_s=0.7, idle_s=0.7)
    for said in (GET, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")):
        async with serving(large, hasty) as (_, address), connected(address, said) as peer:
            head, seen = await peer.until(b"\r\n\r\n"), 0
            async with asyncio.timeout(SOON_S * 4):
                while seen < size:
                    seen += len(await peer.reader.readexactly(LIMIT))
                    await asyncio.sleep(0.15)
            assert head.startswith(b"HTTP/1.1 200")


async def test_an_answer_that_nobody_reads_is_given_up() -> None:
    async def large(exchange: Exchange) -> None:
        exchange.respond(200, [], b"x" * 40 * 2**20)

    closing = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    async with serving(large, Limits(linger_s=0.3)) as (server, address), connected(address, closing):
        await eventually(lambda: server.connections)
        await eventually(lambda: not server.connections)


async def test_what_a_handler_does_after_its_answer_is_not_cut() -> None:
    noted = asyncio.Event()

    async def noting(exchange: Exchange) -> None:
        await echo(exchange)
        await asyncio.sleep(0.1)
        noted.set()

    async with serving(noting) as (_, address), connected(address, GET) as peer:
        await peer.answer()
        peer.reset()
        async with asyncio.timeout(SOON_S):
            await noted.wait()
