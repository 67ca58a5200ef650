"""Ollama's own client, served by the real llama.cpp: every field it reads must be there and true."""

import json
import struct
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ollama
import pytest

from tests.fleet.harness import Herd, real_fleet

pytestmark = pytest.mark.real_engine

MODEL = "herd-random"
HELLO: list[Any] = [{"role": "user", "content": "hello"}]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "green"]}, "sure": {"type": "boolean"}},
    "required": ["colour", "sure"],
    "additionalProperties": False,
}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "tells the weather",
        "parameters": {
            "type": "object",
            "properties": {"days": {"type": "integer", "enum": [1, 2]}},
            "required": ["days"],
        },
    },
}


def _short(count: int = 5, **more: Any) -> dict[str, Any]:
    return {"num_predict": count, "seed": 7, "temperature": 0.0} | more


@pytest.fixture
async def herd(tmp_path: Path) -> AsyncIterator[Herd]:
    async with real_fleet(tmp_path, settle_time=0) as running:
        yield running


@pytest.fixture
async def client(herd: Herd) -> AsyncIterator[ollama.AsyncClient]:
    async with ollama.AsyncClient(herd.address, trust_env=False) as running:
        yield running


async def test_chat_and_generate(client: ollama.AsyncClient) -> None:
    whole = await client.chat(MODEL, HELLO, options=_short())
    assert (whole.model, whole.done, whole.done_reason, whole.eval_count) == (MODEL, True, "length", 5)
    assert whole.message.role == "assistant"
    assert whole.message.content
    assert whole.prompt_eval_count
    assert whole.eval_duration
    assert (whole.total_duration or 0) >= (whole.prompt_eval_duration or 0) + whole.eval_duration
    parts = [part async for part in await client.chat(MODEL, HELLO, stream=True, options=_short())]
    assert "".join(part.message.content or "" for part in parts) == whole.message.content
    assert [part.done for part in parts[:-1]] == [False] * (len(parts) - 1)
    assert len(parts) > 2
    last = parts[-1]
    assert (last.done, last.done_reason, last.eval_count) == (True, "length", 5)
    assert last.prompt_eval_count == whole.prompt_eval_count

    made = await client.generate(MODEL, "hello", options=_short())
    assert (made.response, made.done_reason, made.eval_count) == (whole.message.content, "length", 5)
    pieces = [piece async for piece in await client.generate(MODEL, "hello", stream=True, options=_short())]
    assert "".join(piece.response or "" for piece in pieces) == made.response
    advised = await client.generate(MODEL, "hello", system="be brief", options=_short())
    assert (advised.prompt_eval_count or 0) > (made.prompt_eval_count or 0)
    raw = await client.generate(MODEL, "hello", raw=True, options=_short())
    assert raw.eval_count == 5
    assert 0 < (raw.prompt_eval_count or 0) < (made.prompt_eval_count or 0)
    pieces = [
        piece
        async for piece in await client.generate(MODEL, "hello", raw=True, stream=True, options=_short())
    ]
    assert "".join(piece.response or "" for piece in pieces) == raw.response
    assert (pieces[-1].done, pieces[-1].done_reason) == (True, "length")


async def test_options_are_honoured(client: ollama.AsyncClient) -> None:
    async def said(**options: Any) -> str:
        return (await client.chat(MODEL, HELLO, options=options)).message.content or ""

    first = await said(num_predict=12, seed=1, temperature=1.0)
    assert first == await said(num_predict=12, seed=1, temperature=1.0)
    assert first != await said(num_predict=12, seed=2, temperature=1.0)
    for count in (1, 3, 9):
        answer = await client.chat(MODEL, HELLO, options={"num_predict": count})
        assert (answer.eval_count, answer.done_reason) == (count, "length")
    word = first.split()[2]
    cut = await client.chat(
        MODEL, HELLO, options={"num_predict": 12, "seed": 1, "temperature": 1.0, "stop": [word]}
    )
    assert (cut.message.content, cut.done_reason) == (first[: first.index(word)], "stop")
    ctx = await client.chat(MODEL, HELLO, options=_short(num_ctx=2048, num_gpu=0, use_mmap=True))
    assert ctx.eval_count == 5


async def test_logprobs(client: ollama.AsyncClient) -> None:
    whole = await client.chat(MODEL, HELLO, logprobs=True, top_logprobs=2, options=_short(3))
    assert whole.logprobs is not None
    assert [len(entry.top_logprobs or []) for entry in whole.logprobs] == [2, 2, 2]
    assert all(entry.logprob <= 0 for entry in whole.logprobs)
    parts = [
        part async for part in await client.chat(MODEL, HELLO, stream=True, logprobs=True, options=_short(3))
    ]
    assert sum(len(part.logprobs or []) for part in parts) == 3


async def test_a_format_is_kept_to(client: ollama.AsyncClient) -> None:
    """The grammar allows white space, of which a random model may write much: some seeds must reach the end."""

    async def chat(options: dict[str, Any]) -> str | None:
        return (await client.chat(MODEL, HELLO, format=SCHEMA, options=options)).message.content

    async def stream(options: dict[str, Any]) -> str | None:
        parts = await client.chat(MODEL, HELLO, format=SCHEMA, stream=True, options=options)
        return "".join([part.message.content or "" async for part in parts])

    async def generate(options: dict[str, Any]) -> str | None:
        return (await client.generate(MODEL, "hello", format=SCHEMA, options=options)).response

    async def raw(options: dict[str, Any]) -> str | None:
        return (await client.generate(MODEL, "hello", raw=True, format=SCHEMA, options=options)).response

    async def any_json(options: dict[str, Any]) -> str | None:
        return (await client.chat(MODEL, HELLO, format="json", options=options)).message.content

    for ask in (chat, stream, generate, raw, any_json):
        texts = [await ask(_short(200, temperature=1.0, seed=seed)) or "" for seed in range(6)]
        assert all(text.lstrip().startswith("{") for text in texts), (ask.__name__, texts)
        if ask is raw:
            assert all(text.startswith('{"colour"') for text in texts), texts
        elif ask is not any_json:
            assert any(_fits(text) for text in texts), (ask.__name__, texts)


def _fits(text: str) -> bool:
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return set(value) == {"colour", "sure"} and value["colour"] in ("red", "green")


async def test_tools(client: ollama.AsyncClient) -> None:
    options = _short(300)
    whole = await client.chat(MODEL, HELLO, tools=[TOOL], options=options)
    streamed = [
        part async for part in await client.chat(MODEL, HELLO, tools=[TOOL], stream=True, options=options)
    ]
    parts = [part for part in streamed if part.message.tool_calls]
    assert len(parts) == 1
    for message in (whole.message, parts[0].message):
        (call,) = message.tool_calls or []
        assert call.function.name == "weather"
        assert call.function.arguments["days"] in (1, 2)
    assert whole.done_reason == streamed[-1].done_reason == "stop"
    answered = [
        *HELLO,
        whole.message,
        {"role": "tool", "tool_name": "weather", "content": "rain"},
    ]
    again = await client.chat(MODEL, answered, options=_short())
    assert again.message.content


async def test_embeddings(client: ollama.AsyncClient) -> None:
    one = await client.embed(MODEL, "hello")
    assert one.model == MODEL
    assert len(one.embeddings) == 1
    assert one.prompt_eval_count
    two = await client.embed(MODEL, ["hello", "good day to you"])
    assert len(two.embeddings) == 2
    assert list(two.embeddings[0]) == pytest.approx(list(one.embeddings[0]), abs=1e-4)
    assert list(two.embeddings[1]) != list(two.embeddings[0])
    assert (two.total_duration or 0) > 100_000, "less than a tenth of a millisecond: not the time it took"
    older = await client.embeddings(MODEL, "hello")
    assert list(older.embedding) == pytest.approx(list(one.embeddings[0]), abs=1e-4)


async def test_embeddings_are_as_many_and_as_long_as_asked(client: ollama.AsyncClient) -> None:
    assert list((await client.embed(MODEL, [])).embeddings) == []
    try:
        cut = await client.embed(MODEL, "hello", dimensions=4)
        lengths = {len(vector) for vector in cut.embeddings}
    except ollama.ResponseError as refused:
        lengths = {4} if "dimensions" in refused.error else set()
    assert lengths == {4}, "neither heeded nor refused"


async def test_what_is_told_of_models(client: ollama.AsyncClient) -> None:
    (listed,) = (await client.list()).models
    assert listed.model == MODEL
    assert listed.size
    assert listed.details is not None
    assert (listed.details.format, listed.details.family) == ("gguf", "llama")
    (running,) = (await client.ps()).models
    assert (running.model, running.context_length) == (MODEL, 4096)
    assert running.expires_at is not None
    assert running.expires_at > datetime.now(UTC) + timedelta(days=21 * 365), (
        "or ollama ps would not say Forever"
    )
    shown = await client.show(MODEL)
    assert shown.capabilities == ["completion", "embedding", "tools"]
    assert (shown.modelinfo or {})["general.architecture"] == "llama"
    assert (shown.modelinfo or {})["llama.context_length"] >= 4096
    with pytest.raises(ollama.ResponseError) as caught:
        await client.show("nobody")
    assert caught.value.status_code == 404


async def test_loading(client: ollama.AsyncClient) -> None:
    for answer in (await client.chat(MODEL), await client.chat(MODEL, keep_alive=60)):
        assert (answer.done, answer.done_reason, answer.message.content) == (True, "load", "")
    made = await client.generate(MODEL, "")
    assert (made.done, made.done_reason, made.response) == (True, "load", "")
    streamed = [part async for part in await client.generate(MODEL, "", stream=True)]
    assert [(part.done, part.done_reason) for part in streamed] == [(True, "load")]


async def test_what_cannot_be_is_told(herd: Herd, client: ollama.AsyncClient) -> None:
    too_long: list[Any] = [{"role": "user", "content": "hello there " * 6000}]
    for stream in (False, True):
        with pytest.raises(ollama.ResponseError, match=r"(?i)context") as caught:
            await _said(client, too_long, stream=stream)
        assert 400 <= caught.value.status_code < 500
        pictured: list[Any] = [{"role": "user", "content": "what?", "images": [_picture()]}]
        with pytest.raises(ollama.ResponseError, match="vision") as caught:
            await _said(client, pictured, stream=stream)
        assert caught.value.status_code == 400
    for fields in ({"suffix": "x"}, {"template": "{{ .Prompt }}"}, {"context": [1, 2]}):
        with pytest.raises(ollama.ResponseError) as caught:
            await client.generate(MODEL, "x", **fields)
        assert caught.value.status_code == 400
    for name in ("nobody", "herd-randon"):
        with pytest.raises(ollama.ResponseError, match=f'model "{name}" not found') as caught:
            await client.chat(name, HELLO)
        assert caught.value.status_code == 404
    assert "herd-random" in caught.value.error
    with pytest.raises(ollama.ResponseError) as caught:
        await client.pull("anything")
    assert caught.value.status_code == 400
    assert await herd.in_flight() == 0
    assert (await client.chat(MODEL, HELLO, options=_short())).eval_count == 5


async def test_bodies_that_only_translation_reads(herd: Herd) -> None:
    """A huge integer, an odd tool call: an answer or the caller's fault, never ours."""
    odd: list[tuple[dict[str, Any], set[int]]] = [
        ({"options": {"seed": 10**30, "num_predict": 3}}, {200, 400}),
        ({"messages": [{"role": "assistant", "tool_calls": 5}]}, {400}),
        ({"options": {"stream": False, "num_predict": 3}, "stream": True}, {200, 400}),
        ({"format": "yaml"}, {400}),
        ({"messages": [{"role": "user", "content": {"no": "text"}}]}, {400}),
    ]
    for fields, statuses in odd:
        body = {"model": MODEL, "messages": HELLO, "stream": False} | fields
        async with herd.session.post(f"{herd.address}/api/chat", json=body) as response:
            text = await response.text()
            assert response.status in statuses, (fields, response.status, text)
            last = json.loads(text.splitlines()[-1])
            assert (last.get("done") is True) is (response.status == 200), (fields, text)


async def _said(client: ollama.AsyncClient, messages: list[Any], *, stream: bool) -> None:
    if not stream:
        await client.chat(MODEL, messages, options=_short())
        return
    async for _ in await client.chat(MODEL, messages, stream=True, options=_short()):
        pass


def _picture() -> str:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b64encode(b"\x89PNG\r\n\x1a\n" + parts).decode()
