"""One call through the gateway fails in any way; the other streams from the same engine do not notice."""

import asyncio

import aiohttp
import pytest

from shared.wire import engine_path
from tests.agent.test_gateway import KEY, gateway_before
from tests.fakes.waiting import eventually
from tests.fleet.failing_plays import (
    BEFORE_A_BYTE,
    IN_THE_MIDDLE,
    leaves_in_its_middle,
    plays,
    streams_beside,
)
from tests.fleet.played import CHUNKED, Steady, chat, chunk, line, playing, saying

PATH = engine_path("ollama", "/api/chat")
SHORT = line("", done=True)
GOOD = saying(CHUNKED + chunk(SHORT) + b"0\r\n\r\n")


async def test_no_failing_call_touches_the_streams_beside_it() -> None:
    steady, seen = Steady(), asyncio.Event()
    async with (
        playing({**plays(steady, seen), "short": GOOD}) as engine,
        gateway_before(engine.address) as (gateway, address, session),
    ):
        url = address + PATH
        async with streams_beside(session, url, steady, KEY):
            for name in BEFORE_A_BYTE:
                async with session.post(url, json=chat(name), headers=KEY) as response:
                    assert response.status >= 500, name
            for name in IN_THE_MIDDLE:
                async with session.post(url, json=chat(name), headers=KEY) as response:
                    assert response.status == 200
                    assert await response.content.readline() == line("begun"), name
                    seen.set()
                    with pytest.raises(aiohttp.ClientPayloadError):
                        await response.read()
            await leaves_in_its_middle(session, url, engine, KEY)
        opened = engine.connections
        for _ in range(10):
            async with session.post(url, json=chat("short"), headers=KEY) as response:
                assert await response.read() == SHORT
        assert engine.connections == opened, "the streams' connections were kept, and serve what comes next"
        await eventually(lambda: not gateway.running)
