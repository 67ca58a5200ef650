"""The real `openai` and `ollama` clients, as their users write them, against the fake and the real llama.cpp."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ollama
import openai
import pytest

from tests.fakes.control import FakeEngine
from tests.fleet.harness import fleet_of_fakes, real_fleet

QUESTION: Any = [{"role": "user", "content": "What is the weather in Lima?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURE: Any = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        ],
    }
]
TOKENS = 8


@dataclass(frozen=True)
class Subject:
    """A fleet to call, and what its answers must be."""

    address: str
    model: str
    text: str | None
    """None: a random model, whose words mean nothing."""

    def must_be(self, text: str | None) -> None:
        """The answer's text."""
        assert text
        assert self.text is None or text == self.text

    def openai_sync(self) -> openai.OpenAI:
        """Its own retries are off: a failure must show."""
        return openai.OpenAI(base_url=f"{self.address}/v1", api_key="none", max_retries=0, timeout=20)

    def openai_async(self) -> openai.AsyncOpenAI:
        """Likewise."""
        return openai.AsyncOpenAI(base_url=f"{self.address}/v1", api_key="none", max_retries=0, timeout=20)


@pytest.fixture(params=["fake", pytest.param("llama.cpp", marks=pytest.mark.real_engine)])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    """A fake engine, and the real llama.cpp."""
    async with contextlib.AsyncExitStack() as stack:
        if request.param == "fake":
            fake = await stack.enter_async_context(
                FakeEngine.run(["m"], loaded=["m"], slots=8, name="node-1")
            )
            herd = await stack.enter_async_context(fleet_of_fakes(tmp_path, [fake], settle_time=0))
            yield Subject(herd.address, "m", "node-1 says hello 1 2")
        else:
            herd = await stack.enter_async_context(real_fleet(tmp_path, settle_time=0))
            yield Subject(herd.address, "herd-random", None)


async def test_openai_client(subject: Subject) -> None:
    """Fake and real engine."""
    with subject.openai_sync() as client:
        await asyncio.to_thread(openai_answers, client, subject)
        await asyncio.to_thread(openai_errors, client, subject)


def openai_answers(client: openai.OpenAI, subject: Subject) -> None:
    """Chat, whole and streamed, completion, tools, embeddings, models."""
    raw = client.chat.completions.with_raw_response.create(
        model=subject.model, messages=QUESTION, max_tokens=TOKENS
    )
    assert raw.headers["X-Fleet-Node"] == "node-1"
    whole = raw.parse()
    subject.must_be(whole.choices[0].message.content)
    assert whole.usage is not None
    assert whole.usage.completion_tokens == (TOKENS if subject.text is None else 5)

    stream = client.chat.completions.create(
        model=subject.model,
        messages=QUESTION,
        max_tokens=TOKENS,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    subject.must_be("".join(c.choices[0].delta.content or "" for c in chunks if c.choices))
    assert [chunk.usage.completion_tokens for chunk in chunks if chunk.usage][-1:] == [
        whole.usage.completion_tokens
    ]
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] in {"stop", "length"}

    completion = client.completions.create(model=subject.model, prompt="Once", max_tokens=TOKENS)
    subject.must_be(completion.choices[0].text)

    tooled = client.chat.completions.create(
        model=subject.model, messages=QUESTION, tools=[WEATHER], tool_choice="required", max_tokens=200
    )
    calls: Any = tooled.choices[0].message.tool_calls
    assert calls or subject.text is None, "a random model may write until its tokens end"
    for call in calls or []:
        assert call.function.name == "weather"
    if subject.text is not None:
        assert json.loads(calls[0].function.arguments) == {"city": "hello"}

    embedded = client.embeddings.create(model=subject.model, input=["one", "two"])
    assert [entry.index for entry in embedded.data] == [0, 1]
    assert len(embedded.data[0].embedding) == len(embedded.data[1].embedding) > 1
    assert embedded.data[0].embedding != embedded.data[1].embedding
    assert all(isinstance(value, float) for value in embedded.data[0].embedding)

    assert subject.model in {model.id.removesuffix(":latest") for model in client.models.list()}
    assert client.models.retrieve(subject.model).id.removesuffix(":latest") == subject.model


def openai_errors(client: openai.OpenAI, subject: Subject) -> None:
    """404 and 400, as the client's own exceptions, before any answer or stream."""
    for stream in (False, True):
        with pytest.raises(openai.NotFoundError) as unknown:
            client.chat.completions.create(model="nobody-has-this", messages=QUESTION, stream=stream)
        assert unknown.value.code == "model_not_found"
        assert "nobody-has-this" in unknown.value.message
        with pytest.raises(openai.BadRequestError) as unable:
            client.chat.completions.create(model=subject.model, messages=PICTURE, stream=stream)
        assert "vision" in unable.value.message
        assert unable.value.type == "invalid_request_error"
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="nobody-has-this", input="one")
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody-has-this")
    wrong: Any = "no list"
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=subject.model, messages=wrong)


async def test_async_openai_client(subject: Subject) -> None:
    """Fake and real engine."""
    async with subject.openai_async() as client:
        whole, other = await asyncio.gather(
            client.chat.completions.create(model=subject.model, messages=QUESTION, max_tokens=TOKENS),
            client.completions.create(model=subject.model, prompt="Once", max_tokens=TOKENS),
        )
        subject.must_be(whole.choices[0].message.content)
        subject.must_be(other.choices[0].text)
        stream = await client.chat.completions.create(
            model=subject.model, messages=QUESTION, max_tokens=TOKENS, stream=True
        )
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
        subject.must_be("".join(pieces))
        assert (await client.embeddings.create(model=subject.model, input="one")).data[0].embedding
        assert [model.id async for model in client.models.list()]
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model="nobody-has-this", messages=QUESTION, stream=True)


async def test_ollama_client(subject: Subject) -> None:
    """Fake and real engine."""
    with ollama.Client(host=subject.address, timeout=20) as client:
        await asyncio.to_thread(ollama_answers, client, subject)
        await asyncio.to_thread(ollama_errors, client, subject)


def ollama_answers(client: ollama.Client, subject: Subject) -> None:
    """Chat and generate, whole and streamed, tools, embeddings, models."""
    options = {"num_predict": TOKENS}
    whole = client.chat(subject.model, QUESTION, options=options)
    subject.must_be(whole.message.content)
    assert whole.done
    assert whole.eval_count == (TOKENS if subject.text is None else 5)
    assert whole.prompt_eval_count
    parts = list(client.chat(subject.model, QUESTION, options=options, stream=True))
    subject.must_be("".join(part.message.content or "" for part in parts))
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].eval_count == whole.eval_count
    assert len(parts) > 2

    subject.must_be(client.generate(subject.model, "Once", options=options).response)
    pieces = client.generate(subject.model, "Once", options=options, stream=True)
    subject.must_be("".join(piece.response or "" for piece in pieces))

    tooled = client.chat(subject.model, QUESTION, tools=[WEATHER], options={"num_predict": 50})
    assert tooled.done
    if subject.text is not None:
        assert tooled.message.tool_calls
        assert tooled.message.tool_calls[0].function.name == "weather"
        assert tooled.message.tool_calls[0].function.arguments == {"city": "hello"}

    vectors = client.embed(subject.model, ["one", "two"]).embeddings
    assert len(vectors) == 2
    assert vectors[0] != vectors[1]
    assert client.embeddings(subject.model, "one").embedding

    listed = {(model.model or "").removesuffix(":latest") for model in client.list().models}
    assert subject.model in listed
    running = client.ps().models
    assert [(model.model or "").removesuffix(":latest") for model in running] == [subject.model]
    assert "completion" in (client.show(subject.model).capabilities or [])


def ollama_errors(client: ollama.Client, subject: Subject) -> None:
    """404 and 400, as the client's own exception."""
    with pytest.raises(ollama.ResponseError) as unknown:
        client.chat("nobody-has-this", QUESTION)
    assert unknown.value.status_code == 404
    assert "nobody-has-this" in unknown.value.error
    with pytest.raises(ollama.ResponseError) as unknown:
        list(client.chat("nobody-has-this", QUESTION, stream=True))
    assert unknown.value.status_code == 404
    with pytest.raises(ollama.ResponseError) as unknown:
        client.embed("nobody-has-this", "one")
    assert unknown.value.status_code == 404
    with pytest.raises(ollama.ResponseError) as unknown:
        client.show("nobody-has-this")
    assert unknown.value.status_code == 404
    with pytest.raises(ollama.ResponseError) as unable:
        client.generate(subject.model, "What is this?", images=[PIXEL])
    assert unable.value.status_code == 400
    assert "vision" in unable.value.error


async def test_async_ollama_client(subject: Subject) -> None:
    """Fake and real engine."""
    async with ollama.AsyncClient(host=subject.address, timeout=20) as client:
        options = {"num_predict": TOKENS}
        whole, other = await asyncio.gather(
            client.chat(subject.model, QUESTION, options=options),
            client.generate(subject.model, "Once", options=options),
        )
        subject.must_be(whole.message.content)
        subject.must_be(other.response)
        stream = await client.chat(subject.model, QUESTION, options=options, stream=True)
        parts = [part async for part in stream]
        subject.must_be("".join(part.message.content or "" for part in parts))
        assert parts[-1].done
        with pytest.raises(ollama.ResponseError):
            await client.chat("nobody-has-this", QUESTION)


async def test_clients_see_a_break_in_a_stream_as_an_error(tmp_path: Path) -> None:
    """A fake engine that breaks off: the part is never taken for the whole."""
    async with (
        FakeEngine.run(["m"], slots=8, token_delay_s=0.1, reset_after_chunks=3) as fake,
        fleet_of_fakes(tmp_path, [fake]) as herd,
    ):
        subject = Subject(herd.address, "m", None)
        async with subject.openai_async() as client:
            stream = await client.chat.completions.create(model="m", messages=QUESTION, stream=True)
            with pytest.raises(openai.APIError, match="broke off"):
                _ = [chunk async for chunk in stream]
        async with ollama.AsyncClient(host=herd.address) as other:
            parts = await other.chat("m", QUESTION, stream=True)
            with pytest.raises(ollama.ResponseError, match="broke off"):
                _ = [part async for part in parts]
