"""What a key's calls may take, over real programs: told in OpenAI's headers, refused with 429 in either dialect."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import DIALECTS, Dialect, Streaming, ask, body
from tests.fleet.harness import Herd, fleet_of_fakes
from tests.fleet.keyed import a_key, bearer

QUESTION = body("m", stream=False)["messages"]


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    async with FakeEngine.run(["m"], loaded=["m"], slots=8, name="node-1") as engine:
        yield engine


@pytest.fixture
async def herd(tmp_path: Path, fake: FakeEngine) -> AsyncIterator[Herd]:
    async with fleet_of_fakes(tmp_path, [fake], slots=8, bad_keys=1_000) as herd:
        yield herd


async def accepted(herd: Herd, tmp_path: Path, *options: str) -> dict[str, str]:
    """Headers with a key that the coordinator knows."""
    headers = bearer(await a_key(tmp_path, "guest", *options))

    async def known() -> bool:
        async with herd.session.get(f"{herd.address}/v1/models", headers=headers) as response:
            return response.status == 200

    await eventually(known)
    return headers


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_calls_a_minute(herd: Herd, tmp_path: Path, dialect: Dialect) -> None:
    key = await accepted(herd, tmp_path, "--rpm", "3")
    for left in (2, 1, 0):
        reply = await ask(herd, dialect, headers=key)
        assert reply.status == 200
        assert reply.headers["x-ratelimit-limit-requests"] == "3"
        assert reply.headers["x-ratelimit-remaining-requests"] == str(left)
        assert "x-ratelimit-limit-tokens" not in reply.headers
    refused = await ask(herd, dialect, headers=key)
    assert refused.status == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 20
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert "3 calls a minute" in refused.error
    free = await ask(herd, dialect)
    assert free.status == 200
    assert not any(name.lower().startswith("x-ratelimit") for name in free.headers)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_tokens_are_those_that_the_engine_counted(
    herd: Herd, tmp_path: Path, dialect: Dialect, stream: bool
) -> None:
    key = await accepted(herd, tmp_path, "--tpm", "60")
    call_id = f"counted-{dialect}-{stream}"
    first = await ask(herd, dialect, stream=stream, headers=key, call_id=call_id)
    assert first.headers["x-ratelimit-remaining-tokens"] == "60"
    since = time.monotonic()
    second = await ask(herd, dialect, stream=stream, headers=key)
    flowed_in = time.monotonic() - since + 1.0

    async def counted() -> dict[str, int]:
        traces = (await herd.get("/dashboard/api/traces?limit=10"))["traces"]
        return next((each for each in traces if each["request_id"] == call_id), {})

    await eventually(counted)
    trace = await counted()
    used = (trace["prompt_tokens"] or 0) + (trace["completion_tokens"] or 0)
    assert used or (dialect == "openai" and stream), "only there it is not asked to count"
    left = int(second.headers["x-ratelimit-remaining-tokens"])
    assert 60 - used - 1 <= left <= 60 - used + flowed_in if used else left < 60


async def test_who_used_up_its_tokens_waits_also_after_a_stream_that_it_left(
    herd: Herd, fake: FakeEngine, tmp_path: Path
) -> None:
    key = await accepted(herd, tmp_path, "--tpm", "1")
    await fake.switch(tokens=500, token_delay_s=0.02)
    response = await herd.session.post(herd.address + "/api/chat", json=body("m", stream=True), headers=key)
    assert await response.content.readany()
    response.close()
    await eventually(herd.idle)
    refused = await ask(herd, headers=key)
    assert refused.status == 429
    assert "1 tokens a minute" in refused.error


async def test_calls_at_once_end_exactly_once_however_they_end(
    herd: Herd, fake: FakeEngine, tmp_path: Path
) -> None:
    key = await accepted(herd, tmp_path, "--parallel", "2")
    await fake.switch(tokens=4_000, token_delay_s=0.02)

    async def begun() -> Streaming:
        response = await herd.session.post(
            herd.address + "/api/chat", json=body("m", stream=True), headers=key
        )
        assert response.status == 200, await response.text()
        return Streaming("ollama", response, await response.content.readany())

    for _ in range(3):
        running = [await begun(), await begun()]
        refused = await ask(herd, "openai", headers=key)
        assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
        for each in running:
            each.abort()
        await eventually(herd.idle)
    await fake.switch(tokens=5, token_delay_s=0.0, fail_status=400)
    for _ in range(4):
        assert (await ask(herd, headers=key)).status == 400
    await fake.switch(fail_status=None)
    await asyncio.gather(begun(), begun())


async def test_the_openai_client_knows_a_limit_by_its_own_error(herd: Herd, tmp_path: Path) -> None:
    key = (await accepted(herd, tmp_path, "--rpm", "1", "--tpm", "5000"))["Authorization"][7:]
    async with openai.AsyncOpenAI(base_url=f"{herd.address}/v1", api_key=key, max_retries=0) as client:
        raw = await client.chat.completions.with_raw_response.create(model="m", messages=QUESTION)
        assert raw.headers["x-ratelimit-limit-tokens"] == "5000"
        assert raw.headers["x-ratelimit-reset-requests"] == "1m0s"
        with pytest.raises(openai.RateLimitError) as refused:
            await client.chat.completions.create(model="m", messages=QUESTION)
    assert refused.value.code == "rate_limit_exceeded"
    assert json.loads(refused.value.response.text)["error"]["type"] == "rate_limit_error"
