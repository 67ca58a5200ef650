"""Engines of several kinds behind one coordinator: its callers see no difference. Doubles of the engines."""

import json
from pathlib import Path

import aiohttp

from tests.fakes.doubles.openai_answers import WORDS
from tests.fakes.doubles.running import running
from tests.fleet.harness import herd, node

TEXT = "".join(WORDS)


async def test_callers_see_one_dialect_whatever_serves(tmp_path: Path) -> None:
    async with (
        running("transformers_serve", "serve", "/m/tiny") as tiny,
        running("serverlessllm", "--models", "cold") as cold,
        running("krasis", "--model-path", "/m/moe", "--host", "127.0.0.1", "--port", "0") as moe,
        herd(tmp_path) as coordinator,
        node(
            tmp_path,
            coordinator.address,
            "n",
            engine=",".join(
                [
                    f"transformers:url={tiny.address}:model=/m/tiny",
                    f"serverlessllm:url={cold.address}",
                    f"krasis:url={moe.address}",
                ]
            ),
        ),
    ):
        await coordinator.ready("n")
        engines = (await coordinator.nodes())["n"]["engines"]
        assert sorted((each["kind"], each["up"]) for each in engines) == [
            ("krasis", True),
            ("serverlessllm", True),
            ("transformers", True),
        ]
        for model, status in (("tiny", 200), ("cold", 400), ("moe", 400)):
            said = await complete(coordinator.address, model)
            assert (said[0], "does not support completion" in said[1]) == (status, status == 400), said
        for model in ("tiny", "cold", "moe"):
            for stream in (True, False):
                body = await chat(coordinator.address, model, stream=stream)
                if stream:
                    assert body.endswith(b"data: [DONE]\n\n"), (model, body)
                    assert b"krasis_timing" not in body
                else:
                    assert json.loads(body)["choices"][0]["message"]["content"] == TEXT


async def chat(address: str, model: str, *, stream: bool) -> bytes:
    asked = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "hello"}]}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{address}/v1/chat/completions", json=asked) as response,
    ):
        body = await response.read()
        assert response.status == 200, body
        return body


async def complete(address: str, model: str) -> tuple[int, str]:
    """Status and text."""
    asked = {"model": model, "stream": False, "prompt": "hello"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{address}/v1/completions", json=asked) as response,
    ):
        return response.status, await response.text()
