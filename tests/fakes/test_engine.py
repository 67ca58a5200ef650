"""The fake engine answers as the real ones do; the real clients are the judges."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import ollama
import openai
import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually

MESSAGES: list[Any] = [{"role": "user", "content": "good day to you"}]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "tells the weather",
        "parameters": {
            "type": "object",
            "properties": {"town": {"type": "string"}, "days": {"type": "integer"}},
        },
    },
}
TEXT = "fakeA says hello 1 2"


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    async with FakeEngine.run(["m", "other:1b"], loaded=["m"]) as running:
        yield running


@pytest.fixture
async def oll(fake: FakeEngine) -> AsyncIterator[ollama.AsyncClient]:
    async with ollama.AsyncClient(fake.address, trust_env=False) as client:
        yield client


@pytest.fixture
async def oai(fake: FakeEngine) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{fake.address}/v1", api_key="none", max_retries=0) as client:
        yield client


async def test_ollama_chat(oll: ollama.AsyncClient) -> None:
    whole = await oll.chat("m", MESSAGES)
    assert (whole.message.content, whole.done_reason, whole.prompt_eval_count) == (TEXT, "stop", 4)
    parts = [part async for part in await oll.chat("m", MESSAGES, stream=True)]
    assert "".join(part.message.content or "" for part in parts) == TEXT
    assert [part.done for part in parts] == [False] * 5 + [True]
    assert parts[-1].eval_count == 5
    short = await oll.chat("m", MESSAGES, options={"num_predict": 2})
    assert (short.message.content, short.done_reason) == ("fakeA says", "length")


async def test_it_is_as_fast_as_its_switches_say_however_late_its_sleeps_end(fake: FakeEngine) -> None:
    await fake.switch(tokens=1000, token_delay_s=0.0004)
    body = {"model": "m", "messages": MESSAGES}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{fake.address}/api/chat", json=body) as reply,
    ):
        began = time.monotonic()
        assert len((await reply.read()).splitlines()) == 1001
        assert 0.35 < time.monotonic() - began < 0.8, "a sleep lasts a thousandth of a second at least"


async def test_ollama_extras(oll: ollama.AsyncClient) -> None:
    called = await oll.chat("m", MESSAGES, tools=[TOOL], think=True, stream=False)
    assert called.message.tool_calls is not None
    assert called.message.tool_calls[0].function.arguments == {"town": "hello", "days": 1}
    assert called.message.thinking == "fakeA thinks"
    answered = [*MESSAGES, {"role": "tool", "content": "rain"}]
    assert (await oll.chat("m", answered, tools=[TOOL])).message.content == TEXT
    shaped = await oll.generate("m", "x", format="json", logprobs=True, top_logprobs=2)
    assert json.loads(shaped.response or "") == {"name": "fakeA", "says": "hello"}
    assert shaped.logprobs is not None
    assert len(shaped.logprobs[0].top_logprobs or []) == 2
    streamed = [part async for part in await oll.generate("m", "x", stream=True, think=True)]
    assert "".join(part.thinking or "" for part in streamed) == "fakeA thinks"


async def test_ollama_lists_and_loading(fake: FakeEngine, oll: ollama.AsyncClient) -> None:
    listed = (await oll.list()).models
    assert [model.model for model in listed] == ["m", "other:1b"]
    assert listed[0].details is not None
    assert listed[0].details.quantization_level == "Q4_K_M"
    assert await _loaded(oll) == {"m": 4096}
    await oll.generate("other:1b", options={"num_ctx": 2048})
    assert await _loaded(oll) == {"m": 4096, "other:1b": 2048}
    unloaded = await oll.generate("m", keep_alive=0)
    assert unloaded.done_reason == "unload"
    assert await _loaded(oll) == {"other:1b": 2048}
    shown = await oll.show("m:latest")
    assert (shown.modelinfo or {})["fake.context_length"] == 8192
    assert "completion" in (shown.capabilities or [])
    assert (await fake.state()).started == 0


async def test_ollama_keeps_a_model_for_as_long_as_was_said_last(
    fake: FakeEngine, oll: ollama.AsyncClient
) -> None:
    await oll.generate("m", keep_alive=-1)
    await oll.generate("m", "x")
    await oll.embed("m", "x")
    assert await _left_s(oll) > 86400, "a call that says nothing changes nothing"
    await oll.generate("m", "x", keep_alive="10m")
    await oll.generate("m", "x")
    assert 500 < await _left_s(oll) <= 600
    await fake.switch(loaded=[])
    await oll.generate("m", "x")
    assert 200 < await _left_s(oll) <= 300, "loaded anew, it knows nothing of before"


async def _left_s(client: ollama.AsyncClient) -> float:
    (model,) = (await client.ps()).models
    assert model.expires_at is not None
    return (model.expires_at - datetime.now(UTC)).total_seconds()


async def _loaded(client: ollama.AsyncClient) -> dict[str | None, int | None]:
    return {model.model: model.context_length for model in (await client.ps()).models}


async def test_ollama_embeddings_pull_delete(oll: ollama.AsyncClient) -> None:
    both = await oll.embed("m", ["a", "b"])
    assert both.embeddings[0] == (await oll.embed("m", "a")).embeddings[0] != both.embeddings[1]
    assert (await oll.embeddings("m", "a")).embedding == both.embeddings[0]
    statuses = [part.status async for part in await oll.pull("fresh", stream=True)]
    assert (statuses[0], statuses[-1]) == ("pulling manifest", "success")
    assert (await oll.pull("second:7b")).status == "success"
    assert [m.model for m in (await oll.list()).models] == ["m", "other:1b", "fresh:latest", "second:7b"]
    await oll.delete("fresh")
    assert [m.model for m in (await oll.list()).models] == ["m", "other:1b", "second:7b"]


async def test_unknown_model_in_both_dialects(oll: ollama.AsyncClient, oai: openai.AsyncOpenAI) -> None:
    with pytest.raises(ollama.ResponseError, match='model "x" not found, try pulling it first') as caught:
        await oll.chat("x", MESSAGES)
    assert caught.value.status_code == 404
    with pytest.raises(openai.NotFoundError) as refused:
        await oai.chat.completions.create(model="x", messages=MESSAGES)
    assert refused.value.type == "not_found_error"


async def test_openai_chat(oai: openai.AsyncOpenAI) -> None:
    whole = await oai.chat.completions.create(model="m", messages=MESSAGES)
    assert whole.choices[0].message.content == TEXT
    assert whole.usage is not None
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (4, 5)
    stream = await oai.chat.completions.create(
        model="m", messages=MESSAGES, stream=True, max_tokens=2, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks[:-1]) == "fakeA says"
    assert chunks[-2].choices[0].finish_reason == "length"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    called = await oai.chat.completions.create(model="m", messages=MESSAGES, tools=[TOOL])  # type: ignore[list-item]
    assert called.choices[0].finish_reason == "tool_calls"
    shaped = await oai.chat.completions.create(
        model="m", messages=MESSAGES, response_format={"type": "json_object"}, logprobs=True
    )
    assert json.loads(shaped.choices[0].message.content or "") == {"name": "fakeA", "says": "hello"}
    assert shaped.choices[0].logprobs is not None


async def test_openai_others(oai: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in oai.models.list()] == ["m", "other:1b"]
    assert (await oai.models.retrieve("other:1b")).owned_by == "library"
    assert (await oai.completions.create(model="m", prompt="x")).choices[0].text == TEXT
    stream = await oai.completions.create(model="m", prompt="x", stream=True)
    assert "".join([chunk.choices[0].text async for chunk in stream]) == TEXT
    packed = (await oai.embeddings.create(model="m", input=["a", "b"])).data
    plain = (await oai.embeddings.create(model="m", input="a", encoding_format="float")).data
    assert packed[0].embedding == plain[0].embedding != packed[1].embedding


async def test_requests_are_kept_byte_exact(fake: FakeEngine) -> None:
    body = b'{ "model":"m",  "nonsense":[1e3], "messages":[{"role":"user","content":"\\u00e9"}] }'
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{fake.address}/api/chat?a=%20b", data=body, headers={"X-Mark": "yes"}) as response,
    ):
        assert response.content_type == "application/x-ndjson"
        await response.read()
    state = await fake.state()
    call = state.calls[-1]
    assert (call.body, call.header("x-mark"), call.target) == (body, "yes", "/api/chat?a=%20b")
    assert ("X-Mark", "yes") in call.headers
    assert (state.completed, state.by_path) == (1, {"/api/chat": 1})
    await fake.reset()
    assert (await fake.state()).by_path == {}


@pytest.mark.parametrize("by_path", [True, False])
async def test_runs_alone_and_ends_with_stdin_or_sigterm(by_path: bool) -> None:
    root = Path(__file__).parents[2]
    how = [str(root / "tests/fakes/engine.py")] if by_path else ["-m", "tests.fakes.engine"]
    pipe = asyncio.subprocess.PIPE
    cwd = Path(os.sep) if by_path else root
    process = await asyncio.create_subprocess_exec(sys.executable, *how, stdin=pipe, stdout=pipe, cwd=cwd)
    assert process.stdout is not None
    ready = json.loads(await process.stdout.readline())
    assert ready["pid"] == process.pid
    async with (
        aiohttp.ClientSession() as session,
        session.head(ready["address"]) as head,
        session.get(ready["address"]) as greeting,
    ):
        assert (head.status, await greeting.text()) == (200, "Ollama is running")
    if not by_path:
        process.terminate()
        await process.wait()
    # Python 3.11 closes stdin only when there is something, were it nothing, to write.
    rest, _ = await asyncio.wait_for(process.communicate(b""), 10)
    assert (process.returncode, rest) == (0, b"")


async def test_waiting_says_what_never_came() -> None:
    with pytest.raises(AssertionError, match=r"not true within 0\.05 s.*lambda: 0.*gave 0"):
        await eventually(lambda: 0, timeout_s=0.05)


async def test_a_context_of_its_own_is_loaded_anew_and_prompts_are_cut(
    fake: FakeEngine, oll: ollama.AsyncClient
) -> None:
    await fake.switch(default_context=3, context_length=3, max_context=8)
    cut = await oll.chat("m", MESSAGES)
    assert (cut.prompt_eval_count, (await fake.state()).loads) == (3, 0)
    fits = await oll.chat("m", MESSAGES, options={"num_ctx": 100})
    assert (fits.prompt_eval_count, (await fake.state()).loads) == (4, 1)
    (loaded,) = (await oll.ps()).models
    assert loaded.context_length == 8
    body = {"model": "m", "messages": MESSAGES, "stream": False, "truncate": False}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{fake.address}/api/chat", json=body) as told,
    ):
        refusal = json.loads((await told.json())["error"])["error"]
        assert (told.status, refusal["n_prompt_tokens"], refusal["n_ctx"]) == (400, 4, 3)
    assert (await fake.state()).loads == 2, "back to the default"
