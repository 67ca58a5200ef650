"""The real llama.cpp and an Ollama with the same model: a call goes to the one that can be told what it says."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd, node, real_fleet

pytestmark = pytest.mark.real_engine

MODEL = "herd-random"
HELLO: list[Any] = [{"role": "user", "content": "hello"}]
SHORT: dict[str, Any] = {"model": MODEL, "stream": False, "options": {"num_predict": 2}}
CHAT = SHORT | {"messages": HELLO}
LACKING: list[tuple[str, dict[str, Any]]] = [
    ("/api/chat", CHAT | {"options": {"num_ctx": 1025}}),
    ("/api/chat", CHAT | {"truncate": True}),
    ("/api/generate", SHORT | {"prompt": "x", "template": "{{ .Prompt }}"}),
    ("/api/generate", {"model": MODEL, "keep_alive": 0}),
    ("/v1/chat/completions", {"model": MODEL, "messages": HELLO, "options": {"num_ctx": 1025}}),
]
"""What llama.cpp cannot be told."""


@contextlib.asynccontextmanager
async def mixed(data_dir: Path, fake: FakeEngine) -> AsyncIterator[Herd]:
    """node-1 has llama.cpp with the model loaded, so that calls go there first; node-2 the Ollama."""
    async with (
        real_fleet(data_dir, settle_time=0, max_retries=0, agents={"embedded_context": 1024}) as herd,
        node(data_dir, herd.address, "node-2", ollama=fake.address, slots=4) as second,
    ):
        herd.agents["node-2"] = second
        await herd.ready("node-1", "node-2")
        yield herd


async def _post(herd: Herd, path: str, body: dict[str, Any]) -> tuple[int, str, str]:
    """Status, node, text."""
    async with herd.session.post(herd.address + path, json=body) as response:
        return response.status, response.headers.get("X-Fleet-Node", ""), await response.text()


async def _only_node_1_has_it_loaded(herd: Herd, fake: FakeEngine) -> None:
    """So that the next call is offered to node-1 first."""
    order = {"model": MODEL, "keep_alive": 0}
    async with herd.session.post(f"{fake.address}/api/generate", json=order) as response:
        assert response.status == 200

    async def alone() -> bool:
        if [row["fleet_node"] for row in (await herd.get("/api/ps"))["models"]] != ["node-1"]:
            return False
        async with herd.session.post(f"{herd.address}/fleet/explain", json=CHAT) as response:
            found = (await response.json())["candidates"]
        return all(each["scores_breakdown"]["thermal"] < 50 for each in found if each["node_id"] == "node-2")

    await eventually(alone, 10)


async def test_a_call_goes_to_the_engine_that_can_be_told(tmp_path: Path) -> None:
    async with FakeEngine.run([MODEL], name="node-2") as fake, mixed(tmp_path, fake) as herd:
        assert (await _post(herd, "/api/chat", CHAT))[:2] == (200, "node-1")
        for path, body in LACKING:
            await _only_node_1_has_it_loaded(herd, fake)
            async with herd.session.post(herd.address + path, json=body) as response:
                told = response.headers["X-Fleet-Node"], response.headers["X-Fleet-Retries"]
                assert (response.status, *told) == (200, "node-2", "0"), (path, body, await response.text())
        await _only_node_1_has_it_loaded(herd, fake)
        assert (await _post(herd, "/api/chat", CHAT))[:2] == (200, "node-1"), "it is not held against it"
        status, _, text = await _post(herd, "/api/chat", CHAT | {"think": "deeply"})
        assert (status, "think: expected" in text) == (400, True), "wrong everywhere"
        assert await herd.in_flight() == 0

        async def written() -> bool:
            traces = (await herd.get("/dashboard/api/traces?limit=50"))["traces"]
            return len(traces) == len(LACKING) + 3

        await eventually(written, 10)
        traces = (await herd.get("/dashboard/api/traces?limit=50"))["traces"]
        assert sorted(trace["status"] for trace in traces) == ["completed"] * (len(LACKING) + 2) + ["failed"]


async def test_where_nobody_else_can_the_refusal_stands(tmp_path: Path) -> None:
    async with FakeEngine.run(["another"], name="node-2") as fake, mixed(tmp_path, fake) as herd:
        for path, body in LACKING:
            status, _, text = await _post(herd, path, body)
            assert (status, "this engine" in text) == (400, True), text
        assert await herd.in_flight() == 0
