"""DeepSpeed's and HeadInfer's workers, with the real packages: their tokens are those of plain transformers."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.engines.started import COMPLETIONS, NAME, Running, Tiny, started
from tests.engines.tiny_model import CHAT, CONTEXT, NEW_TOKENS, prompt
from tests.fakes.waiting import eventually

pytestmark = [
    pytest.mark.engines,
    pytest.mark.timeout(900),  # the first group of ranks waits for a compiler
    pytest.mark.asyncio(loop_scope="module"),
]
CHATS = "/v1/chat/completions"
SOME = 20 * 2**20
"""Bytes by which resident memory may differ without growing: allocators keep pools."""
ENGINES: dict[str, tuple[str, dict[str, Any]]] = {
    "deepspeed": ("deepspeed", {"device": "cpu", "threads": 1, "chunk": 64}),
    "deepspeed, 2 ranks": ("deepspeed", {"device": "cpu", "threads": 1, "chunk": 64, "tensor_parallel": 2}),
    "deepspeed, ZeRO-3": ("deepspeed", {"device": "cpu", "threads": 1, "chunk": 64, "zero": "cpu"}),
    "headinfer": ("headinfer", {"device": "cpu", "threads": 1, "chunk": 64}),
}
HOW = {
    "deepspeed": "one device",
    "deepspeed, 2 ranks": "tensor parallel over 2",
    "deepspeed, ZeRO-3": "ZeRO-3, weights on cpu",
    "headinfer": "plain cache",
}


@pytest.fixture(scope="module", params=list(ENGINES))
def name(request: pytest.FixtureRequest) -> str:
    """Of one of them."""
    return str(request.param)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(name: str, tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Each is started once."""
    kind, options = ENGINES[name]
    began = time.monotonic()
    async with started(kind, tmp_path_factory.mktemp("node"), tiny.options(**options)) as one:
        sys.stdout.write(f"\n{name}: ready after {time.monotonic() - began:.1f} s\n")
        yield one


async def test_it_says_what_it_is(name: str, running: Running) -> None:
    report = await running.engine.look()
    (model,), (replica,) = report.models, report.replicas
    assert (report.up, model.name, model.abilities) == (True, NAME, frozenset({"chat"}))
    assert (model.max_context, replica.context_length) == (CONTEXT, CONTEXT)
    assert replica.slots_total == (1 if name == "headinfer" else 8)
    assert report.version.endswith(HOW[name])


async def test_tokens_are_those_of_plain_transformers(running: Running, tiny: Tiny) -> None:
    """Prompts of more than 64 tokens are read in chunks."""
    for text, answer in tiny.texts.items():
        told = await running.complete(text, max_tokens=NEW_TOKENS)
        assert told["choices"][0]["text"] == answer
        count, asked = len(answer.split()), len(text.split())
        ended = told["choices"][0]["finish_reason"] == "stop"
        assert told["usage"] == {
            "prompt_tokens": asked,
            "completion_tokens": count + ended,
            "total_tokens": asked + count + ended,
        }


async def test_all_at_once_they_are_the_same(running: Running, tiny: Tiny) -> None:
    """Where the model allows, in one batch that each joins and leaves when it will."""
    calls = [running.complete(text, max_tokens=NEW_TOKENS - each) for text in tiny.texts for each in range(3)]
    told = iter(await asyncio.gather(*calls))
    for answer in tiny.texts.values():
        for each in range(3):
            assert next(told)["choices"][0]["text"].split() == answer.split()[: NEW_TOKENS - each]


async def test_streamed_they_are_the_same(running: Running, tiny: Tiny) -> None:
    text, answer = next(iter(tiny.texts.items()))
    events = await running.streamed(
        COMPLETIONS, prompt=text, max_tokens=NEW_TOKENS, stream_options={"include_usage": True}
    )
    assert len(events) > 10
    assert events[-1]["choices"] == []
    assert events[-1]["usage"]["completion_tokens"] == NEW_TOKENS
    assert "".join(event["choices"][0]["text"] for event in events[:-1]) == answer
    assert events[-2]["choices"][0]["finish_reason"] == "length"


async def test_a_chat_goes_through_the_models_template(running: Running, tiny: Tiny) -> None:
    messages = [{"role": "user", "content": CHAT}]
    events = await running.streamed(CHATS, messages=messages, max_tokens=NEW_TOKENS)
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in events) == tiny.chat
    asked = {"model": NAME, "messages": messages, "max_tokens": NEW_TOKENS, "temperature": 0}
    _, _, body = await running.door.ask(CHATS, asked)
    assert json.loads(body)["choices"][0]["message"] == {"role": "assistant", "content": tiny.chat}


async def test_a_seed_repeats_and_a_stop_stops(running: Running, tiny: Tiny) -> None:
    text = prompt(5)
    drawn = [
        (await running.complete(text, max_tokens=8, temperature=1.5, top_p=0.9, seed=7))["choices"][0]["text"]
        for _ in range(2)
    ]
    assert drawn[0] == drawn[1]
    cold = await running.complete(text, max_tokens=NEW_TOKENS, temperature=1e-300, top_k=5)
    assert cold["choices"][0]["text"] == tiny.texts[text]
    words = tiny.texts[text].split()
    (choice,) = (await running.complete(text, max_tokens=NEW_TOKENS, stop=[f"{words[4]} {words[5]}"]))[
        "choices"
    ]
    assert (choice["text"].split(), choice["finish_reason"]) == (words[:4], "stop")


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"prompt": " ".join(["w3"] * CONTEXT)}, 400, "context_length_exceeded"),
        ({"prompt": "w3", "model": "other"}, 404, "model_not_found"),
        ({"prompt": "w3", "n": 2}, 400, "one answer"),
        ({"prompt": "w3", "max_tokens": 0}, 400, "max_tokens"),
        ({"prompt": ["w3", "w4"]}, 400, "prompt"),
    ],
)
async def test_what_it_cannot_do_is_said(
    running: Running, asked: dict[str, Any], status: int, said: str
) -> None:
    told, _, body = await running.door.ask(COMPLETIONS, {"model": NAME} | asked)
    assert (told, said in body.decode()) == (status, True), body


@pytest.mark.parametrize("stream", [True, False])
async def test_a_caller_who_leaves_ends_the_work(running: Running, stream: bool) -> None:
    url = f"{running.engine.url}"
    async with aiohttp.ClientSession() as session:

        async def health() -> Any:
            async with session.get(f"{url}/health") as answer:
                return await answer.json()

        before = (await health())["completion_tokens"]
        asked = {"model": NAME, "prompt": "w9", "max_tokens": CONTEXT - 1, "temperature": 1, "stream": stream}
        calling = asyncio.create_task(session.post(f"{url}{COMPLETIONS}", json=asked))
        await eventually(lambda: _moved(health, before))
        if stream:
            (await calling).close()
        calling.cancel()
        left = time.monotonic()
        await eventually(lambda: _idle(health))
        assert time.monotonic() - left < 1.0
        assert (await health())["completion_tokens"] - before < CONTEXT - 1


async def _moved(health: Any, before: int) -> bool:
    return bool((await health())["completion_tokens"] > before)


async def _idle(health: Any) -> bool:
    return not (await health())["running"]


async def test_100_in_a_row_and_50_at_once_with_memory_flat(name: str, running: Running, tiny: Tiny) -> None:
    (pid,) = running.engine.pids
    text, answer = prompt(17), tiny.texts[prompt(17)]

    async def once() -> None:
        assert (await running.complete(text, max_tokens=NEW_TOKENS))["choices"][0]["text"] == answer

    await asyncio.gather(*(once() for _ in range(50)))
    warm, began = running.resident(), time.monotonic()
    for _ in range(100):
        await once()
    in_a_row_s, began = time.monotonic() - began, time.monotonic()
    await asyncio.gather(*(once() for _ in range(50)))
    grown = running.resident() - warm
    sys.stdout.write(
        f"\n{name}: 100 calls of {NEW_TOKENS} tokens in a row {in_a_row_s:.1f} s, 50 at once "
        f"{time.monotonic() - began:.1f} s, RSS {warm / 2**20:.0f} MiB {grown / 2**20:+.1f} MiB\n"
    )
    assert grown < SOME
    assert running.engine.pids == (pid,)
    assert not running.supervisor.events.all()


async def test_a_type_of_numbers_is_the_one_that_is_asked_for(tiny: Tiny, tmp_path: Path) -> None:
    """In bfloat16 the tiny model says other things; so does plain transformers, and these."""
    options = tiny.options(device="cpu", threads=1, dtype="bfloat16", slots=1)
    async with started("deepspeed", tmp_path, options) as one:
        told = {
            text: (await one.complete(text, max_tokens=NEW_TOKENS))["choices"][0]["text"]
            for text in tiny.halved
        }
    assert told == tiny.halved
    assert told != tiny.texts
