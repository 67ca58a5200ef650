"""OpenAI calls on the real llama.cpp: faults in their shape, and Ollama's own fields beside OpenAI's."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.fleet.harness import Herd, real_fleet

pytestmark = pytest.mark.real_engine

MODEL = "herd-random"
CHAT: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 8}


@pytest.fixture
async def herd(tmp_path: Path) -> AsyncIterator[Herd]:
    async with real_fleet(tmp_path, settle_time=0, agents={"embedded_context": 1024}) as running:
        yield running


async def _post(herd: Herd, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    async with herd.session.post(herd.address + path, json=body) as response:
        return response.status, await response.json()


async def test_options_and_keep_alive_are_heeded_or_refused(herd: Herd) -> None:
    async def says(**fields: Any) -> tuple[str, int, str]:
        status, answer = await _post(herd, "/v1/chat/completions", CHAT | fields)
        assert status == 200, answer
        choice = answer["choices"][0]
        return choice["message"]["content"], answer["usage"]["completion_tokens"], choice["finish_reason"]

    assert await says(options={"temperature": 0, "top_k": 40}, keep_alive="5m") == await says(temperature=0)
    for limit in ({"max_tokens": 3}, {"max_tokens": None}, {"max_tokens": None, "max_completion_tokens": 3}):
        assert (await says(**limit, options={"num_predict": 3}, keep_alive=0))[1:] == (3, "length")
    refusals: list[tuple[str, dict[str, Any], str]] = [
        ("/v1/chat/completions", CHAT | {"options": {"num_predict": 9}}, "something else of max_tokens"),
        ("/v1/chat/completions", CHAT | {"options": {"num_ctx": 1025}}, "options.num_ctx: 1025"),
        ("/v1/completions", {"model": MODEL, "prompt": "x", "options": {"seed": True}}, "options.seed: "),
        ("/v1/embeddings", {"model": MODEL, "input": "x", "options": [1]}, "options: expected an object"),
    ]
    for path, body, words in refusals:
        status, answer = await _post(herd, path, body)
        assert (status, answer["error"]["type"]) == (400, "invalid_request_error"), answer
        assert words in answer["error"]["message"]
    raw = {"model": MODEL, "prompt": "hello", "options": {"num_predict": 2, "num_gpu": 1}}
    status, answer = await _post(herd, "/v1/completions", raw)
    assert (status, answer["usage"]["completion_tokens"]) == (200, 2)
    status, answer = await _post(
        herd, "/v1/embeddings", {"model": MODEL, "input": "x", "options": {"num_ctx": 64}, "keep_alive": 1}
    )
    assert (status, len(answer["data"])) == (200, 1)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_fault_says_in_its_body_what_its_status_says(herd: Herd, stream: bool) -> None:
    faults: list[tuple[dict[str, Any], Any]] = [
        ({"tools": [{"type": "function"}]}, 400),
        ({"messages": [{"role": "user", "content": "hello " * 3000}]}, "context_length_exceeded"),
        ({"messages": [{"role": "user", "content": "q " * 2000}]}, "context_length_exceeded"),
    ]
    for fields, code in faults:
        status, answer = await _post(herd, "/v1/chat/completions", CHAT | fields | {"stream": stream})
        error = answer["error"]
        assert (status, error["type"], error["code"], error["param"]) == (
            400,
            "invalid_request_error",
            code,
            None,
        ), answer
        assert error["message"]
    async with openai.AsyncOpenAI(base_url=f"{herd.address}/v1", api_key="any") as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(**CHAT | {"tools": [{"type": "function"}]})
        assert caught.value.type == "invalid_request_error"
