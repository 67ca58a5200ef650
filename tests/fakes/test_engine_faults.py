"""Each fault switch of the fake engine does what it says."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import ollama
import openai
import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually

BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "good day"}]}
BROKEN = (aiohttp.ClientPayloadError, aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)
DIALECTS = pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    async with FakeEngine.run(["m"]) as running:
        yield running


class Client:
    """Calls the fake and keeps what arrived before a break."""

    def __init__(self, fake: FakeEngine, session: aiohttp.ClientSession) -> None:
        self.fake = fake
        self.session = session
        self.data = b""

    async def call(self, path: str = "/api/chat", **extra: Any) -> int:
        """Streams one call to its end and gives the status."""
        self.data = b""
        body = {**BODY, "stream": True, **extra}
        async with self.session.post(self.fake.address + path, json=body) as response:
            async for piece in response.content.iter_any():
                self.data += piece
            return response.status

    async def get(self, path: str) -> bytes:
        """The body of a list."""
        async with self.session.get(self.fake.address + path) as response:
            return await response.read()

    @property
    def chunks(self) -> list[bytes]:
        """The whole lines or events that arrived."""
        return [line for line in self.data.split(b"\n")[:-1] if line]


@pytest.fixture
async def client(fake: FakeEngine) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(fake, session)


async def counts(fake: FakeEngine) -> tuple[int, int, int]:
    state = await fake.state()
    return state.completed, state.failed, state.cancelled


async def test_fail_status_and_first_n(fake: FakeEngine, client: Client) -> None:
    await fake.switch(fail_status=429, fail_first_n=2)
    assert await client.call() == 429
    assert json.loads(client.data) == {"error": "fake failure with status 429"}
    assert await client.call("/v1/chat/completions") == 429
    assert json.loads(client.data)["error"]["type"] == "rate_limit_error"
    assert await client.call() == 200
    assert await counts(fake) == (1, 2, 0)
    await fake.switch(fail_status=None, fail_first_n=1)
    assert [await client.call(), await client.call()] == [500, 200]


async def test_faults_spare_lists_and_loads_unless_named(fake: FakeEngine, client: Client) -> None:
    await fake.switch(fail_status=500)
    assert b"models" in await client.get("/api/tags")
    assert await client.call("/api/generate", prompt="") == 200
    await fake.switch(fail_paths=["/api/tags", "/api/generate"])
    assert b"fake failure" in await client.get("/api/tags")
    assert await client.call("/api/generate", prompt="") == 500
    assert await client.call() == 200


async def test_busy(fake: FakeEngine) -> None:
    await fake.switch(busy_503=True)
    async with ollama.AsyncClient(fake.address, trust_env=False) as oll:
        with pytest.raises(ollama.ResponseError, match=r"please try again\.  maximum pending") as caught:
            await oll.chat("m", BODY["messages"])
    assert caught.value.status_code == 503
    async with openai.AsyncOpenAI(base_url=f"{fake.address}/v1", api_key="x", max_retries=0) as oai:
        with pytest.raises(openai.InternalServerError, match="maximum pending"):
            await oai.chat.completions.create(model="m", messages=BODY["messages"])


@DIALECTS
async def test_reset_before(fake: FakeEngine, client: Client, path: str) -> None:
    await fake.switch(reset_before=True)
    with pytest.raises(aiohttp.ClientOSError, match="reset by peer"):
        await client.call(path)
    await eventually(lambda: _is(fake, (0, 1, 0)))
    assert json.loads((await fake.state()).calls[0].body)["model"] == "m"


async def _is(fake: FakeEngine, expected: tuple[int, int, int]) -> bool:
    return await counts(fake) == expected


@DIALECTS
@pytest.mark.parametrize("count", [0, 1, 3])
async def test_reset_after_chunks(fake: FakeEngine, client: Client, path: str, count: int) -> None:
    await fake.switch(reset_after_chunks=count)
    with pytest.raises(BROKEN, match="reset by peer"):
        await client.call(path)
    assert len(client.chunks) == count
    assert client.data.endswith(b"\n") or not client.data
    await fake.switch(cut_mid_line=True)
    with pytest.raises(BROKEN):
        await client.call(path)
    assert len(client.chunks) == count
    assert not client.data.endswith(b"\n")
    await eventually(lambda: _is(fake, (0, 2, 0)))


@DIALECTS
@pytest.mark.parametrize("count", [0, 2])
async def test_close_after_chunks(fake: FakeEngine, client: Client, path: str, count: int) -> None:
    await fake.switch(close_after_chunks=count)
    assert await client.call(path) == 200
    assert len(client.chunks) == count
    assert b'"done":true' not in client.data
    assert b"[DONE]" not in client.data
    assert await counts(fake) == (0, 1, 0)


async def test_error_after_chunks(fake: FakeEngine, client: Client) -> None:
    await fake.switch(error_after_chunks=2)
    assert await client.call() == 200
    assert len(client.chunks) == 3
    assert "fake fault" in json.loads(client.chunks[-1])["error"]
    async with openai.AsyncOpenAI(base_url=f"{fake.address}/v1", api_key="x", max_retries=0) as oai:
        stream = await oai.chat.completions.create(model="m", messages=BODY["messages"], stream=True)
        with pytest.raises(openai.APIError, match="fake fault"):
            [chunk async for chunk in stream]
    assert await client.call(stream=False) == 500


@pytest.mark.parametrize("switch", ["reset_after_chunks", "close_after_chunks"])
async def test_plain_answers_are_cut_in_their_middle(fake: FakeEngine, client: Client, switch: str) -> None:
    await fake.switch(**{switch: 1})
    with pytest.raises(BROKEN):
        await client.call(stream=False)
    assert client.data.startswith(b"{")
    with pytest.raises(json.JSONDecodeError):
        json.loads(client.data)
    await eventually(lambda: _is(fake, (0, 1, 0)))


@pytest.mark.parametrize(
    ("switches", "chunks"), [({"hang": True}, 0), ({"hang_after_chunks": 2}, 2), ({"token_delay_s": 60}, 1)]
)
async def test_a_client_that_leaves_is_noticed(
    fake: FakeEngine, client: Client, switches: dict[str, Any], chunks: int
) -> None:
    await fake.switch(**switches)
    call = asyncio.create_task(client.call())
    await eventually(lambda: _active(fake, 1))
    await eventually(lambda: len(client.chunks) == chunks)
    call.cancel()
    await eventually(lambda: _is(fake, (0, 0, 1)))
    assert (await fake.state()).active == 0
    assert len(client.chunks) == chunks


async def _active(fake: FakeEngine, count: int) -> bool:
    return (await fake.state()).active == count


async def test_slots_are_a_queue(fake: FakeEngine, client: Client) -> None:
    await fake.switch(hang=True, fail_first_n=1)
    calls = []
    for number in range(4):
        calls.append(asyncio.create_task(Client(fake, client.session).call()))
        await eventually(lambda n=number + 1: _started(fake, n))  # type: ignore[misc]
    state = await fake.state()
    assert (state.active, state.waiting, state.max_active) == (1, 3, 1)
    calls[1].cancel()
    await eventually(lambda: _is(fake, (0, 0, 1)))
    calls[0].cancel()
    assert await asyncio.gather(*calls[2:]) == [200, 200]
    assert (await fake.state()).max_active == 1
    await asyncio.wait(calls)


async def _started(fake: FakeEngine, count: int) -> bool:
    return (await fake.state()).started == count


async def test_more_slots_free_the_queue(fake: FakeEngine, client: Client) -> None:
    await fake.switch(hang=True)
    calls = [asyncio.create_task(Client(fake, client.session).call()) for _ in range(3)]
    await eventually(lambda: _started(fake, 3))
    assert (await fake.state()).active == 1
    await fake.switch(slots=3)
    await eventually(lambda: _active(fake, 3))
    for call in calls:
        call.cancel()
    await eventually(lambda: _is(fake, (0, 0, 3)))


async def test_shape_switches(fake: FakeEngine, client: Client) -> None:
    await fake.switch(wrong_sizes=2**62, models=["a", "b"], loaded=["b"], context_length=77, max_context=99)
    assert {model["size"] for model in json.loads(await client.get("/api/tags"))["models"]} == {2**62}
    (loaded,) = json.loads(await client.get("/api/ps"))["models"]
    assert (loaded["name"], loaded["size_vram"], loaded["context_length"]) == ("b", 2**62, 77)
    await fake.switch(garbage_tags=True, models=None, loaded=None, capabilities=["embedding"], tokens=2)
    with pytest.raises(json.JSONDecodeError):
        json.loads(await client.get("/api/tags"))
    assert await client.call() == 400
    assert json.loads(client.data) == {"error": '"m" does not support chat'}
    assert await client.call("/v1/completions", prompt="x") == 400
    assert json.loads(client.data)["error"]["message"] == '"m" does not support generate'
    after = await fake.switch(capabilities=None)
    assert (after.models, after.tokens, "completion" in after.capabilities) == (["m"], 2, True)
    assert await client.call() == 200
    assert len(client.chunks) == 3
    with pytest.raises(ValueError, match="no_such_switch"):
        await fake.switch(no_such_switch=1)


async def test_stopped_continued_and_killed(fake: FakeEngine, client: Client) -> None:
    fake.stop_process()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.call(), 0.2)
    fake.continue_process()
    assert await client.call() == 200
    await fake.switch(hang_after_chunks=1)
    call = asyncio.create_task(client.call())
    await eventually(lambda: client.data.count(b"\n") == 1)
    fake.kill()
    with pytest.raises(BROKEN):
        await call
    assert await fake.exited() == -9
