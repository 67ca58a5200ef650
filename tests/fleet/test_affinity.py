"""Conversations over real programs: they return to their node, spread over equals, and leave a loaded one."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import DIALECTS, PATHS, Dialect, Streaming
from tests.fleet.harness import Herd, fleet_of_fakes

Turn = dict[str, str]
LONG = "You know the whole handbook. " * 400


@pytest.fixture
async def fakes() -> AsyncIterator[list[FakeEngine]]:
    """Each has a model of its own too, so that a test can load one node alone."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                FakeEngine.run(["m", name], loaded=["m", name], slots=4, name=name)
            )
            for name in ("node-1", "node-2")
        ]


@pytest.fixture
async def herd(tmp_path: Path, fakes: list[FakeEngine]) -> AsyncIterator[Herd]:
    async with fleet_of_fakes(tmp_path, fakes) as herd:
        yield herd


async def says(herd: Herd, dialect: Dialect, turns: list[Turn], **headers: str) -> str:
    """One turn; the answer is added to the conversation, and the node told."""
    body = {"model": "m", "messages": turns, "stream": False}
    async with herd.session.post(herd.address + PATHS[dialect], json=body, headers=headers) as response:
        assert response.status == 200, await response.text()
        await response.read()
        turns.append({"role": "assistant", "content": "so be it"})
        return response.headers["X-Fleet-Node"]


async def goes_on(herd: Herd, dialect: Dialect, turns: list[Turn], count: int = 1) -> list[str]:
    nodes = []
    for number in range(count):
        turns.append({"role": "user", "content": f"and {number}?"})
        nodes.append(await says(herd, dialect, turns))
    return nodes


def begun(words: str, system: str = "") -> list[Turn]:
    head = [{"role": "system", "content": system}] if system else []
    return [*head, {"role": "user", "content": words}]


async def newest(herd: Herd) -> dict[str, Any]:
    async def there() -> Any:
        return (await herd.get("/dashboard/api/traces?limit=1"))["traces"]

    await eventually(there)
    return dict((await there())[0])


async def test_conversations_spread_and_each_returns(herd: Herd) -> None:
    for dialect in DIALECTS:
        first, second = begun(f"about trees, {dialect}"), begun(f"about stones, {dialect}")
        homes = [await says(herd, dialect, first), await says(herd, dialect, second)]
        assert sorted(homes) == ["node-1", "node-2"]
        for _ in range(3):
            assert [*await goes_on(herd, dialect, second), *await goes_on(herd, dialect, first)] == homes[
                ::-1
            ]

    async def told() -> bool:
        return "session_affinity" in (await newest(herd))["scores_breakdown"]

    await eventually(told)
    trace = await newest(herd)
    assert trace["scores_breakdown"]["session_affinity"] == 20
    assert trace["score"] == trace["scores_breakdown"]["total"]


async def test_a_loaded_node_is_left(herd: Herd, fakes: list[FakeEngine]) -> None:
    turns = begun("about trees")
    home = await says(herd, "ollama", turns)
    fake = fakes[int(home[-1]) - 1]
    await fake.switch(hang_after_chunks=1)
    busy = [await Streaming.begin(herd, model=home) for _ in range(3)]
    await fake.switch(hang_after_chunks=None)
    moved = await goes_on(herd, "ollama", turns)
    assert moved != [home]
    for each in busy:
        each.abort()
    await eventually(herd.idle)
    assert await goes_on(herd, "ollama", turns, 2) == moved * 2, "its cache is there now"


async def test_a_long_beginning_and_a_named_session_draw_calls_to_their_place(herd: Herd) -> None:
    nodes = [await says(herd, "ollama", begun(f"question {n}", LONG)) for n in range(4)]
    assert len(set(nodes)) == 1
    others = {await says(herd, "ollama", begun(f"question {n}", "Be brief.")) for n in range(4)}
    assert others == {"node-1", "node-2"}
    named = {"X-Session-Id": "forty-two"}
    nodes = [await says(herd, "openai", begun(f"question {n}"), **named) for n in range(4)]
    assert len(set(nodes)) == 1
    tagged = {"X-Herd-Tags": "session:forty-two"}
    assert await says(herd, "ollama", begun("another"), **tagged) == nodes[0]
