"""The real openai client, served by an engine that has Ollama's dialect only: what it asked, and what it was told."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest

from tests.coordinator.dialects.translation.cases import HELLO, PNG, SCHEMA, TOOL, Case
from tests.coordinator.dialects.translation.openai_cases import CASES, WHOLE
from tests.fakes.control import FakeEngine
from tests.fleet.harness import Herd, fleet_of_fakes

ABLE = ["completion", "tools", "thinking", "embedding", "vision", "insert"]
DEFAULTS = {"temperature": 1.0, "top_p": 1.0}
HELLOS: list[Any] = [HELLO]
TOOLS: list[Any] = [TOOL]


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    async with FakeEngine.run(["m"], name="node-1", openai=False, capabilities=ABLE) as engine:
        yield engine


@pytest.fixture
async def herd(tmp_path: Path, fake: FakeEngine) -> AsyncIterator[Herd]:
    settings: dict[str, Any] = {"settle_time": 0, "max_retries": 0, "context_protection": "passthrough"}
    async with fleet_of_fakes(tmp_path, [fake], **settings) as running:
        yield running


@pytest.fixture
async def client(herd: Herd) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{herd.address}/v1", api_key="any", max_retries=0) as running:
        yield running


async def _asked(fake: FakeEngine) -> tuple[str, Any]:
    """The last inference call: its path and body."""
    calls = [call for call in (await fake.state()).calls if call.method == "POST" and call.body]
    last = [call for call in calls if call.path != "/api/show"][-1]
    return last.path, msgspec.json.decode(last.body)


def _native(table: str, made: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """What an Ollama is asked, in full, where a case says `made`."""
    if table == "/v1/embeddings":
        return "/api/embed", {"model": "m", "input": "hello"} | made
    if table.endswith(" messages"):
        made = {"messages": [HELLO, {"role": "user", "content": ""} | made]}
    elif table.endswith(" content"):
        images = {"images": [made["image"]]} if "image" in made else {}
        made = {"messages": [{"role": "user", "content": made.get("text", ""), **images}]}
    options = {"options": DEFAULTS | made.get("options", {})}
    if table == "/v1/completions":
        return "/api/generate", {"model": "m", "stream": False, "prompt": "hello"} | made | options
    return "/api/chat", {"model": "m", "stream": False, "messages": [HELLO]} | made | options


async def _sent(client: openai.AsyncOpenAI, path: str, body: dict[str, Any]) -> Any:
    if path == "/v1/embeddings":
        return await client.embeddings.create(
            model="m", input="hello", encoding_format="float", extra_body=body
        )
    if path == "/v1/completions":
        return await client.completions.create(model="m", prompt="hello", extra_body=body)
    return await client.chat.completions.create(model="m", messages=HELLOS, extra_body=body)


async def test_every_case_of_the_table(client: openai.AsyncOpenAI, fake: FakeEngine) -> None:
    sent = 0
    for table, fields in CASES.items():
        for field, cases in fields.items():
            for case in cases:
                await _check(client, fake, table, case)
                sent += 1
                assert field in case.given
    assert sent > 150


async def _check(client: openai.AsyncOpenAI, fake: FakeEngine, table: str, case: Case) -> None:
    path, body = WHOLE[table].path, WHOLE[table].body(case.given)
    if case.refused:
        with pytest.raises(openai.BadRequestError) as caught:
            await _sent(client, path, body)
        assert isinstance(caught.value.body, dict)
        assert caught.value.body["type"] == "invalid_request_error", (table, case, caught.value)
        return
    answer = await _sent(client, path, body)
    assert answer.model == "m", (table, case, answer)
    asked, expected = await _asked(fake), _native(table, case.made)
    if table == "/v1/chat/completions" and case.given.get("tool_choice") != "none":
        assert bool(expected[1].get("tools")) == (answer.choices[0].finish_reason == "tool_calls"), case
    assert asked == expected, (table, case)


async def test_a_whole_chat(client: openai.AsyncOpenAI) -> None:
    made = await client.chat.completions.create(
        model="m", messages=HELLOS, logprobs=True, top_logprobs=2, reasoning_effort="high", seed=3
    )
    assert (made.object, made.model, made.id[:9]) == ("chat.completion", "m", "chatcmpl-")
    assert made.created > 1_000_000_000
    choice = made.choices[0]
    assert (choice.index, choice.finish_reason, choice.message.role) == (0, "stop", "assistant")
    assert choice.message.content == "node-1 says hello 1 2"
    assert getattr(choice.message, "reasoning", None) == "node-1 thinks"
    assert choice.logprobs is not None
    assert [entry.token for entry in choice.logprobs.content or []] == [
        "node-1",
        " says",
        " hello",
        " 1",
        " 2",
    ]
    assert [len(entry.top_logprobs) for entry in choice.logprobs.content or []] == [2] * 5
    assert made.usage is not None
    assert (made.usage.prompt_tokens, made.usage.completion_tokens, made.usage.total_tokens) == (1, 7, 8)
    cut = await client.chat.completions.create(model="m", messages=HELLOS, max_tokens=2)
    assert (cut.choices[0].finish_reason, cut.choices[0].message.content) == ("length", "node-1 says")
    assert cut.id != made.id


@pytest.mark.parametrize("include_usage", [False, True])
async def test_a_streamed_chat(client: openai.AsyncOpenAI, include_usage: bool) -> None:
    chunks = [
        chunk
        async for chunk in await client.chat.completions.create(
            model="m",
            messages=HELLOS,
            stream=True,
            stream_options={"include_usage": include_usage},
            reasoning_effort="low",
            logprobs=True,
        )
    ]
    assert {(chunk.object, chunk.model, chunk.id) for chunk in chunks} == {
        ("chat.completion.chunk", "m", chunks[0].id)
    }
    last = chunks.pop() if include_usage else None
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert (deltas[0].role, deltas[0].content) == ("assistant", "")
    assert [delta.role for delta in deltas[1:]] == [None] * (len(deltas) - 1)
    assert [getattr(delta, "reasoning", None) for delta in deltas[1:3]] == ["node-1", " thinks"]
    assert "".join(delta.content or "" for delta in deltas) == "node-1 says hello 1 2"
    finishes = [chunk.choices[0].finish_reason for chunk in chunks]
    assert finishes == [None] * (len(chunks) - 1) + ["stop"]
    logged = [chunk.choices[0].logprobs for chunk in chunks if chunk.choices[0].logprobs]
    assert [entry.token for each in logged for entry in each.content or []][:2] == ["node-1", " says"]
    assert all(chunk.usage is None for chunk in chunks)
    if last is not None:
        assert (last.choices, last.usage and last.usage.total_tokens) == ([], 8)


async def test_a_stream_ends_as_openais_do(herd: Herd) -> None:
    body = {"model": "m", "messages": HELLOS, "stream": True}
    async with herd.session.post(f"{herd.address}/v1/chat/completions", json=body) as response:
        raw = await response.read()
        assert response.headers["Content-Type"].startswith("text/event-stream")
    assert raw.endswith(b'"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'), raw
    assert b'"usage"' not in raw


async def test_a_turn_of_tools(client: openai.AsyncOpenAI, fake: FakeEngine) -> None:
    whole = await client.chat.completions.create(model="m", messages=HELLOS, tools=TOOLS)
    assert whole.choices[0].finish_reason == "tool_calls"
    (call,) = whole.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.id, call.function.name) == ("call_fake0", "weather")
    assert msgspec.json.decode(call.function.arguments) == {"b": 1, "a": "hello"}
    chunks = [
        chunk
        async for chunk in await client.chat.completions.create(
            model="m", messages=HELLOS, tools=TOOLS, stream=True
        )
    ]
    (piece,) = [each for chunk in chunks for each in chunk.choices[0].delta.tool_calls or []]
    assert piece.function is not None
    assert (piece.index, piece.id, piece.function.name) == (0, "call_fake0", "weather")
    assert piece.function.arguments == call.function.arguments
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    messages = [
        *HELLOS,
        whole.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "rain"},
    ]
    again = await client.chat.completions.create(model="m", messages=messages)
    assert again.choices[0].message.content == "node-1 says hello 1 2"
    _, asked = await _asked(fake)
    assert asked["messages"][1:] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "call_fake0", "function": {"name": "weather", "arguments": {"b": 1, "a": "hello"}}}
            ],
        },
        {"role": "tool", "content": "rain", "tool_call_id": "call_fake0", "tool_name": "weather"},
    ]


async def test_completions(client: openai.AsyncOpenAI, fake: FakeEngine) -> None:
    whole = await client.completions.create(model="m", prompt="why?", logprobs=1, suffix="x", max_tokens=3)
    assert (whole.object, whole.choices[0].text) == ("text_completion", "node-1 says hello")
    assert whole.choices[0].finish_reason == "length"
    logged = whole.choices[0].logprobs
    assert logged is not None
    assert (logged.tokens, logged.text_offset) == (["node-1", " says", " hello"], [0, 6, 11])
    assert logged.top_logprobs == [{"node-1": -0.25}, {" says": -0.25}, {" hello": -0.25}]
    assert (await _asked(fake))[1]["suffix"] == "x"
    chunks = [
        chunk
        async for chunk in await client.completions.create(
            model="m", prompt="why?", stream=True, stream_options={"include_usage": True}, logprobs=0
        )
    ]
    usage = chunks.pop().usage
    assert (usage and usage.total_tokens, len(chunks)) == (6, 6)
    assert "".join(chunk.choices[0].text for chunk in chunks) == "node-1 says hello 1 2"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 5 + ["stop"]
    offsets = [chunk.choices[0].logprobs.text_offset for chunk in chunks[:-1] if chunk.choices[0].logprobs]
    assert offsets == [[0], [6], [11], [17], [19]]


async def test_embeddings(client: openai.AsyncOpenAI) -> None:
    plain = await client.embeddings.create(model="m", input=["a", "b"], encoding_format="float")
    packed = await client.embeddings.create(model="m", input=["a", "b"])  # the client asks for base64
    assert [each.embedding for each in packed.data] == [each.embedding for each in plain.data]
    assert [(each.index, each.object, len(each.embedding)) for each in plain.data] == [
        (0, "embedding", 8),
        (1, "embedding", 8),
    ]
    assert (plain.object, plain.usage.prompt_tokens, plain.usage.total_tokens) == ("list", 2, 2)


async def test_a_schema_and_a_picture(client: openai.AsyncOpenAI) -> None:
    shape: Any = {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}
    made = await client.chat.completions.create(model="m", messages=HELLOS, response_format=shape)
    assert msgspec.json.decode(made.choices[0].message.content or "") == {"b": 1, "a": "hello"}
    parts: Any = [
        {"type": "text", "text": "what?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    ]
    seen = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": parts}])
    assert seen.choices[0].message.content == "node-1 says hello 1 2"
