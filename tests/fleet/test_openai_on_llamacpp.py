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


@pytest.mark.parametrize("stream", [False, True])
async def test_a_fault_says_in_its_body_what_its_status_says(herd: Herd, stream: bool) -> None:
    faults: list[tuple[dict[str, Any], str]] = [
        ({"tools": [{"type": "function"}]}, "invalid_request_error"),
        ({"messages": [{"role": "user", "content": "hello " * 3000}]}, "exceed_context_size_error"),
    ]
    for fields, kind in faults:
        status, answer = await _post(herd, "/v1/chat/completions", CHAT | fields | {"stream": stream})
        error = answer["error"]
        assert (status, error["type"], error["code"], error["param"]) == (400, kind, 400, None), answer
        assert error["message"]
    async with openai.AsyncOpenAI(base_url=f"{herd.address}/v1", api_key="any") as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(**CHAT | {"tools": [{"type": "function"}]})
        assert caught.value.type == "invalid_request_error"
