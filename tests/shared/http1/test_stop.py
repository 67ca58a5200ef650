"""The end of a server, and connections that it gives away."""

import asyncio
import contextlib
import json

from aiohttp import web

from shared.http1.exchange import Exchange
from shared.http1.heads import RequestHead
from tests.fakes.waiting import eventually
from tests.shared.http1.peers import LIMIT, connected, echo, serving
from tests.shared.http1.test_client_gone import GET, slow

CONTROL = b"POST /control HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"


async def test_open_calls_end_and_no_new_ones_begin() -> None:
    async with slow() as (handler, server, address):
        async with connected(address, GET) as busy, connected(address) as idle:
            await eventually(lambda: handler.begun and len(server.connections) == 2)
            stopping = asyncio.create_task(server.stop(5.0))
            assert await idle.rest() == b""
            busy.send(GET)
            handler.go.set()
            answer = await busy.rest()
            assert answer.count(b"HTTP/1.1 200") == 1
            assert b"Connection: close" in answer
            await stopping
        assert not server.connections
        try:
            async with connected(address) as late:
                assert await late.rest() == b""
        except ConnectionRefusedError:
            pass


async def test_who_does_not_end_in_time_is_cut() -> None:
    async with slow() as (handler, server, address), connected(address, GET) as peer:
        await eventually(lambda: handler.begun)
        await server.stop(0.1)
        assert handler.ends == ["cancelled, gone"]
        with contextlib.suppress(ConnectionResetError):
            assert await peer.rest() == b""


async def test_an_answer_on_its_way_is_not_cut() -> None:
    size = 40 * 2**20

    async def large(exchange: Exchange) -> None:
        exchange.respond(200, [], b"x" * size)

    async with serving(large) as (server, address), connected(address, GET) as peer:
        await peer.until(b"\r\n\r\n")
        stopping = asyncio.create_task(server.stop(5.0))
        assert len(await peer.rest()) == size
        await stopping


async def test_a_stop_waits_for_what_comes_after_an_answer() -> None:
    noted = False

    async def noting(exchange: Exchange) -> None:
        nonlocal noted
        await echo(exchange)
        await asyncio.sleep(0.2)
        noted = True

    async with serving(noting) as (server, address), connected(address, GET) as peer:
        await peer.answer()
        peer.reset()
        await asyncio.sleep(0.05)
        await server.stop(5.0)
        assert noted


async def test_a_connection_that_is_not_ours_goes_over_with_all_its_bytes() -> None:
    async def control(request: web.BaseRequest) -> web.Response:
        return web.json_response({"path": request.path, "body": (await request.read()).decode()})

    def ours(head: RequestHead) -> bool:
        return head.path != b"/control"

    application = web.Server(control)
    async with serving(ours=ours, other=application) as (server, address):
        for said in (CONTROL + b"data", GET + CONTROL + b"data"):
            async with connected(address, said) as peer:
                if said.startswith(GET):
                    assert b"GET /a" in (await peer.answer())[0]
                body = (await peer.answer())[1]
                assert json.loads(body) == {"path": "/control", "body": "data"}
                peer.send(CONTROL[:9])
                await asyncio.sleep(0)
                peer.send(CONTROL[9:], b"more")
                assert json.loads((await peer.answer())[1])["body"] == "more"
        assert not server.connections
    await application.shutdown()


async def test_a_body_that_still_comes_goes_over_too() -> None:
    async def control(request: web.BaseRequest) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    application = web.Server(control, client_max_size=2 * LIMIT)
    async with (
        serving(ours=lambda _head: False, other=application) as (_, address),
        connected(address, CONTROL.replace(b"th: 4", b"th: %d" % LIMIT)) as peer,
    ):
        peer.send(b"x" * LIMIT)
        assert (await peer.answer())[1] == b"%d" % LIMIT
    await application.shutdown()
