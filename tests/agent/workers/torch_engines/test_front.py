"""The workers' HTTP, over a machine that counts: the door, its errors, and callers who leave."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from agent.workers.torch_engines.asked import Asked, Refused, Sampling
from agent.workers.torch_engines.front import Served, door
from agent.workers.torch_engines.turns import Turns
from tests.agent.workers.torch_engines.counting import Counting
from tests.fakes.waiting import eventually

CONTEXT = 10_000_000
"""So long that an answer is never done."""


class Numbers:
    """Texts are numbers."""

    def __init__(self, *, chats: bool) -> None:
        self.chats = chats

    def tokens(self, asked: Asked) -> list[int]:
        """Those of the prompt."""
        if asked.messages is not None and not self.chats:
            raise Refused("it completes texts only")
        words = asked.prompt if asked.messages is None else asked.messages[-1]["content"]
        return [int(word) for word in words.split()] if isinstance(words, str) else words

    def text(self, tokens: list[int]) -> str:
        """Of tokens."""
        return "".join(f"{token} " for token in tokens)


@asynccontextmanager
async def opened(*, chats: bool = True) -> AsyncIterator[aiohttp.ClientSession]:
    turns = Turns(Counting(), lambda logits, _calls: logits, 2, 4)
    served = Served(
        "m", "counting", "by hand", "1", CONTEXT, 2, Numbers(chats=chats), frozenset(), Sampling(), turns
    )
    server = door(0, served)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    threading.Thread(target=turns.run, daemon=True).start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.server_address[1]}") as session:
            yield session
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()


async def posted(session: aiohttp.ClientSession, path: str, body: Any) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with session.post(path, data=data) as answer:
        return answer.status, await answer.json()


async def health(session: aiohttp.ClientSession) -> Any:
    async with session.get("/health") as answer:
        return await answer.json()


async def test_it_tells_of_itself() -> None:
    async with opened(chats=False) as session:
        told = await health(session)
        assert (told["how"], told["slots"], told["running"], told["completion_tokens"]) == (
            "by hand",
            2,
            0,
            0,
        )
        async with session.get("/v1/models") as answer:
            (model,) = (await answer.json())["data"]
        assert (model["id"], model["max_model_len"], model["abilities"]) == ("m", CONTEXT, ["completion"])


@pytest.mark.parametrize("stream", [False, True])
async def test_a_completion_whole_and_streamed(stream: bool) -> None:
    asked = {"prompt": "5 6", "max_tokens": 3, "stream": stream, "stream_options": {"include_usage": True}}
    async with opened() as session, session.post("/v1/completions", json=asked) as answer:
        text = await answer.text()
    if not stream:
        told = json.loads(text)
        assert (told["choices"][0]["text"], told["usage"]["total_tokens"]) == ("7 8 9 ", 5)
        return
    assert answer.content_type == "text/event-stream"
    events = [event.removeprefix("data: ") for event in text.split("\n\n") if event]
    assert events.pop() == "[DONE]"
    assert json.loads(events.pop())["usage"] == {
        "prompt_tokens": 2,
        "completion_tokens": 3,
        "total_tokens": 5,
    }
    assert "".join(json.loads(event)["choices"][0]["text"] for event in events) == "7 8 9 "


async def test_a_chat_begins_with_its_role_even_when_nothing_is_said() -> None:
    asked = {"messages": [{"role": "user", "content": "5"}], "stream": True, "max_tokens": 2, "stop": "6"}
    async with opened() as session, session.post("/v1/chat/completions", json=asked) as answer:
        first, last, done = [event for event in (await answer.text()).split("\n\n") if event]
    assert json.loads(first.removeprefix("data: "))["choices"][0]["delta"] == {
        "role": "assistant",
        "content": "",
    }
    assert json.loads(last.removeprefix("data: "))["choices"][0]["finish_reason"] == "stop"
    assert done == "data: [DONE]"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/completions", b"nonsense", 400),
        ("/v1/completions", b"\xff", 400),
        ("/v1/completions", b"[" * 100_000, 400),
        ("/v1/completions", {"prompt": "1", "model": "other"}, 404),
        ("/v1/completions", {"prompt": ""}, 400),
        ("/v1/embeddings", {"input": "1"}, 404),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "1"}]}, 400),
    ],
)
async def test_what_is_wrong_is_said_in_openais_words(path: str, body: Any, status: int) -> None:
    async with opened(chats=False) as session:
        told, said = await posted(session, path, body)
    assert (told, said["error"]["type"]) == (status, "invalid_request_error")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_caller_who_leaves_ends_the_work(stream: bool) -> None:
    asked = {"prompt": "1", "max_tokens": CONTEXT - 1, "stream": stream}
    async with opened() as session:
        calling = asyncio.create_task(session.post("/v1/completions", json=asked))

        async def at_work() -> bool:
            return bool((await health(session))["completion_tokens"])

        await eventually(at_work)
        if stream:
            (await calling).close()
        calling.cancel()

        async def idle() -> bool:
            return not (await health(session))["running"]

        await eventually(idle, 2.0)
