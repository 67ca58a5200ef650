"""The shortest whole flow: a call in each dialect through coordinator, gateway and the real llama.cpp."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.engines.embedded_model import GUIDE_SHA256
from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd, node, real_fleet
from tests.fleet.harness import herd as running_herd

pytestmark = pytest.mark.real_engine


MODEL = "herd-guide"
CHAT: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "How do I add a machine?"}]}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture
async def herd(tmp_path: Path) -> AsyncIterator[Herd]:
    """One node that serves the model which comes with herd, as it is set up by itself."""
    async with real_fleet(tmp_path, agents={"embedded_model": ""}) as running:
        yield running


async def test_each_dialect_gets_a_sensible_answer_from_a_real_engine(herd: Herd) -> None:
    async with herd.session.post(f"{herd.address}/v1/chat/completions", json=CHAT) as response:
        assert response.status == 200
        assert response.headers["X-Fleet-Node"] == "node-1"
        (choice,) = (await response.json())["choices"]
        assert choice["finish_reason"] == "stop"
        assert "herd-node --router-url" in choice["message"]["content"]
    async with herd.session.post(f"{herd.address}/api/chat", json=CHAT | {"stream": False}) as response:
        answer = await response.json()
        assert response.status == 200, answer
        assert (answer["done"], answer["done_reason"]) == (True, "stop")
        assert "herd-node --router-url" in answer["message"]["content"]
    prompt = {"model": MODEL, "prompt": "How do I add a machine?", "stream": False}
    async with herd.session.post(f"{herd.address}/api/generate", json=prompt) as response:
        assert "herd-node --router-url" in (await response.json())["response"]


async def test_a_length_that_was_asked_for_is_kept(herd: Herd) -> None:
    async with herd.session.post(
        f"{herd.address}/v1/chat/completions", json=CHAT | {"max_tokens": 5}
    ) as response:
        assert (await response.json())["usage"]["completion_tokens"] == 5
    options = {"stream": False, "options": {"num_predict": 5}}
    async with herd.session.post(f"{herd.address}/api/chat", json=CHAT | options) as response:
        answer = await response.json()
        assert (answer["done_reason"], answer["eval_count"]) == ("length", 5)


async def test_the_model_tells_what_it_is_and_what_it_cannot(herd: Herd) -> None:
    (row,) = (await herd.get("/api/tags"))["models"]
    assert row["name"].removesuffix(":latest") == MODEL
    assert row["digest"] == GUIDE_SHA256
    assert row["details"]["family"] == "llama"
    assert "tools" not in row["capabilities"]
    for path in ("/api/chat", "/v1/chat/completions"):
        async with herd.session.post(f"{herd.address}{path}", json=CHAT | {"tools": [TOOL]}) as response:
            assert response.status == 400
            assert "tools" in await response.text()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [("missing.gguf", None, "missing.gguf"), ("other.gguf", b"PK not a model", "it is no GGUF file")],
)
async def test_a_file_that_cannot_be_served_is_told_in_the_status(
    tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    async with (
        running_herd(tmp_path) as coordinator,
        node(tmp_path, coordinator.address, "n", embedded_model=tmp_path / name),
    ):

        async def told() -> bool:
            nodes = await coordinator.nodes()
            return any(reason in engine.get("reason", "") for engine in nodes.get("n", {}).get("engines", []))

        await eventually(told, 20)
