"""With programs that others wrote, on either side."""

import asyncio
import http.client
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

from shared.http1.exchange import Exchange
from shared.http1.pool import Address
from tests.shared.http1.peers import LIMIT, echo, pooling, serving


async def events(exchange: Exchange) -> None:
    exchange.start(200, [(b"Content-Type", b"text/event-stream")])
    for number in range(3):
        exchange.write(b"data: %d\n\n" % number)
        await asyncio.sleep(0.01)
    exchange.end()


async def test_aiohttp_asks() -> None:
    async def handler(exchange: Exchange) -> None:
        await (events(exchange) if exchange.head.path == b"/events" else echo(exchange))

    async with (
        serving(handler) as (server, address),
        aiohttp.ClientSession(f"http://127.0.0.1:{address.port}") as session,
    ):
        for body in (b"", b"x" * 300_000):
            async with session.post("/a", data=body, expect100=bool(body)) as response:
                assert await response.read() == body
        async with session.post("/a", data=pieces()) as response:
            assert await response.read() == b"onetwo"
        async with session.get("/events") as response:
            assert [line async for line in response.content if line.strip()] == [
                b"data: 0\n",
                b"data: 1\n",
                b"data: 2\n",
            ]
        assert len(server.connections) == 1


async def pieces() -> AsyncIterator[bytes]:
    for piece in (b"one", b"two"):
        yield piece


async def test_the_standard_library_asks() -> None:
    def ask(port: int) -> list[bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        answers = []
        for body in (b"one", b"two"):
            connection.request("POST", "/a", body=body)
            answers.append(connection.getresponse().read())
        connection.request("POST", "/a", body=iter([b"th", b"ree"]), encode_chunked=True)
        answers.append(connection.getresponse().read())
        connection.close()
        return answers

    async with serving() as (_, address):
        assert await asyncio.to_thread(ask, address.port) == [b"one", b"two", b"three"]


async def test_aiohttp_answers() -> None:
    async def stream(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        if request.path == "/whole":
            return web.Response(body=body)
        response = web.StreamResponse()
        await response.prepare(request)
        for at in range(0, len(body), 1_000):
            await response.write(body[at : at + 1_000])
        await response.write_eof()
        return response

    runner = web.ServerRunner(web.Server(stream))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = Address("127.0.0.1", runner.addresses[0][1])
    async with pooling() as pool:
        for path in (b"/whole", b"/stream", b"/whole", b"/stream"):
            response = await pool.request(address, b"POST", path, [], b"x" * 100_000)
            assert await response.whole(LIMIT) == b"x" * 100_000
        assert pool.open_to(address) == 1
    await runner.cleanup()
