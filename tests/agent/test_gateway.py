"""The gateway by itself, before a fake engine: who is served, what may be asked, how it drains."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from agent.engine_calls import engine_calls
from agent.engines.ollama import Ollama
from agent.gateway import Gateway
from agent.swapping.roster import Roster
from shared.serving import serving
from shared.wire import GATEWAY_FAULT_HEADER, engine_path
from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.raw_http import ask

SECRET = "a-secret-of-the-test"
KEY = {"Authorization": f"Bearer {SECRET}"}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


async def nothing() -> None:
    """Nobody is told of changes."""


@asynccontextmanager
async def gateway_before(
    url: str, body_limit: int = 10_000
) -> AsyncIterator[tuple[Gateway, str, aiohttp.ClientSession]]:
    async with aiohttp.ClientSession() as session, engine_calls(2.0) as calls:
        gateway = Gateway("n", SECRET, Roster([Ollama(url, session, 2.0, {})]), calls, body_limit, nothing)
        async with serving(gateway.server(), "127.0.0.1", 0, 0.0) as (host, port):
            yield gateway, f"http://{host}:{port}", session


async def test_only_the_coordinator_is_served() -> None:
    async with FakeEngine.run() as fake, gateway_before(fake.address) as (_, address, session):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": SECRET}):
            for path in ("/health", engine_path("ollama", "/api/chat")):
                async with session.post(address + path, json=CHAT, headers=headers) as response:
                    assert response.status == 401
        assert (await fake.state()).calls == []
        async with session.get(f"{address}/health", headers=KEY) as response:
            assert (await response.json())["node_id"] == "n"


@pytest.mark.parametrize("shown", [b"Bearer \xff\xfe", b"Bearer \xc3", b"\xed\xa0\x80"])
async def test_a_key_that_is_no_text_is_a_wrong_one(shown: bytes, caplog: pytest.LogCaptureFixture) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: n\r\nConnection: close\r\nAuthorization: " + shown + b"\r\n\r\n"
    async with gateway_before("http://127.0.0.1:9") as (_, address, _session):
        assert (await ask(address, request)).status == 401
    assert not caplog.records


async def test_only_listed_paths_are_relayed() -> None:
    async with FakeEngine.run() as fake, gateway_before(fake.address) as (_, address, session):
        for method, path in [
            ("POST", engine_path("ollama", "/api/create")),
            ("POST", engine_path("ollama", "/_fake/switches")),
            ("GET", engine_path("ollama", "/api/chat")),
            ("POST", engine_path("ollama", "//api/chat")),
            ("POST", engine_path("other", "/api/chat")),
            ("POST", engine_path("ollama", "/api/chat/../create")),
        ]:
            async with session.request(method, address + path, json=CHAT, headers=KEY) as response:
                assert response.status in (404, 405), path
        assert (await fake.state()).calls == []


async def test_the_secret_and_the_host_stay_here() -> None:
    async with FakeEngine.run() as fake, gateway_before(fake.address) as (_, address, session):
        path = engine_path("ollama", "/api/chat")
        async with session.post(address + path, json=CHAT, headers=KEY | {"X-Request-Id": "r1"}) as response:
            assert response.status == 200
        call = (await fake.state()).calls[-1]
        assert call.header("Authorization") is None
        assert call.header("X-Request-Id") == "r1"
        assert fake.address.endswith(call.header("Host") or "none")


async def test_an_engine_that_is_away_is_told_apart_from_one_that_fails() -> None:
    async with FakeEngine.run(fail_status=500) as fake, gateway_before(fake.address) as (_, address, session):
        path = engine_path("ollama", "/api/chat")
        async with session.post(address + path, json=CHAT, headers=KEY) as response:
            assert response.status == 500
            assert GATEWAY_FAULT_HEADER not in response.headers
        fake.kill()
        await fake.exited()
        async with session.post(address + path, json=CHAT, headers=KEY) as response:
            assert response.status == 502
            assert response.headers[GATEWAY_FAULT_HEADER] == "unreachable"


async def test_an_engine_that_dies_of_a_call_is_told_apart_too() -> None:
    async with (
        FakeEngine.run(reset_before=True) as fake,
        gateway_before(fake.address) as (_, address, session),
    ):
        path = engine_path("ollama", "/api/chat")
        async with session.post(address + path, json=CHAT, headers=KEY) as response:
            assert response.status == 502
            assert response.headers[GATEWAY_FAULT_HEADER] == "broken"


async def test_a_body_over_the_limit_is_not_passed_on() -> None:
    async with FakeEngine.run() as fake, gateway_before(fake.address) as (_, address, session):
        path = engine_path("ollama", "/api/chat")
        async with session.post(address + path, data=b"x" * 20_000, headers=KEY) as response:
            assert response.status == 413
        assert (await fake.state()).calls == []


async def test_draining_finishes_what_runs_and_takes_nothing_new() -> None:
    async with (
        FakeEngine.run(tokens=20, token_delay_s=0.05) as fake,
        gateway_before(fake.address) as (gateway, address, session),
    ):
        path = engine_path("ollama", "/api/chat")
        async with session.post(address + path, json=CHAT, headers=KEY) as running:
            draining = asyncio.create_task(gateway.drain(10.0))
            await eventually(lambda: gateway.draining)
            async with session.post(address + path, json=CHAT, headers=KEY) as refused:
                assert refused.status == 503
                assert refused.headers[GATEWAY_FAULT_HEADER] == "draining"
                assert "Retry-After" in refused.headers
            assert b'"done":true' in (await running.read()).replace(b" ", b"")
        assert await draining
        assert gateway.running == 0


async def test_what_is_cut_is_told_by_whether_something_of_it_was_seen() -> None:
    async with (
        FakeEngine.run(slots=2, tokens=1000, token_delay_s=0.05) as fake,
        gateway_before(fake.address) as (gateway, address, session),
    ):
        path = engine_path("ollama", "/api/chat")
        async with session.post(address + path, json=CHAT, headers=KEY) as begun:
            assert await begun.content.readany()
            await fake.switch(hang=True)
            silent = asyncio.create_task(session.post(address + path, json=CHAT, headers=KEY).__aenter__())
            await eventually(lambda: gateway.running == 2, 1.0)
            gateway.set_aside = True
            gateway.cut()
            gateway.cut()
            with pytest.raises(aiohttp.ClientPayloadError):
                await begun.read()
            async with await silent as refused:
                assert refused.status == 503
                assert refused.headers[GATEWAY_FAULT_HEADER] == "draining"
        assert (gateway.running, gateway.cut_calls) == (0, 1), "one had nothing yet, and is tried elsewhere"

        async def engine_rests() -> bool:
            return (await fake.state()).active == 0

        await eventually(engine_rests, 1.0)
        gateway.set_aside = False
        await fake.switch(hang=False, tokens=3, token_delay_s=0)
        async with session.post(address + path, json=CHAT, headers=KEY) as response:
            assert response.status == 200


async def test_a_caller_that_leaves_takes_its_call_with_it() -> None:
    async with (
        FakeEngine.run(tokens=1000, token_delay_s=0.05) as fake,
        gateway_before(fake.address) as (gateway, address, session),
    ):
        async with session.post(
            address + engine_path("ollama", "/api/chat"), json=CHAT, headers=KEY
        ) as response:
            await response.content.readany()
            response.close()
        await eventually(lambda: gateway.running == 0, 1.0)

        async def cancelled() -> bool:
            return (await fake.state()).cancelled == 1

        await eventually(cancelled, 1.0)


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_whole_answer_that_is_broken_off_is_no_stream_that_was_cut(path: str, stream: bool) -> None:
    async with (
        FakeEngine.run(hang_after_chunks=1) as fake,
        gateway_before(fake.address) as (gateway, address, session),
    ):
        body = CHAT | {"stream": stream}
        async with session.post(address + engine_path("ollama", path), json=body, headers=KEY) as begun:
            gateway.cut()
            with pytest.raises(aiohttp.ClientPayloadError):
                await begun.read()
        assert (gateway.running, gateway.cut_calls) == (0, stream), (
            "the coordinator shows it whole or not at all"
        )
