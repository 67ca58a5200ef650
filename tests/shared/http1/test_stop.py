"""The end of a server."""

import asyncio
import contextlib

from shared.http1.exchange import Exchange
from tests.fakes.waiting import eventually
from tests.shared.http1.peers import connected, echo, serving
from tests.shared.http1.test_client_gone import GET, slow


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
