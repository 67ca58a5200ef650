"""A node that claims an empty GPU, many calls at once and the model in memory, answers well, and does so at a crawl."""

import asyncio
import contextlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.nvml import build_nvml
from tests.fakes.waiting import eventually
from tests.fleet.asking import ask
from tests.fleet.harness import READY_S, Herd, Program, herd, node

TOKENS = 10
QUICK: dict[str, Any] = {"token_delay_s": 0.005, "first_token_delay_s": 0.02}
CRAWLS: dict[str, Any] = {"token_delay_s": 0.2, "first_token_delay_s": 1.0}
"""Three seconds for what takes others a tenth of one."""
SLOTS = 64
PER_S = 10.0
LEARNING, LATER = 30, 45
"""Calls."""


async def shares(coordinator: Herd, calls: int) -> Counter[str]:
    """Who answered, of so many calls that come one after the other, PER_S a second."""
    running = []
    for _ in range(calls):
        running.append(asyncio.create_task(ask(coordinator, "ollama", stream=True)))
        await asyncio.sleep(1 / PER_S)
    replies = await asyncio.gather(*running)
    assert {reply.status for reply in replies} == {200}
    return Counter(reply.node for reply in replies)


@pytest.mark.long
@pytest.mark.timeout(180)
@pytest.mark.parametrize("policy", ["predictive", "weighted"])
async def test_it_gets_hardly_any_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        coordinator = await enter(herd(tmp_path, policy=policy))
        for name in ("honest-1", "honest-2"):
            fake = await enter(
                FakeEngine.run(["m"], loaded=["m"], tokens=TOKENS, name=name, slots=2, **QUICK)
            )
            await enter(node(tmp_path, coordinator.address, name, ollama=fake.address, slots=2))
        slow = FakeEngine.run(["m"], loaded=["m"], tokens=TOKENS, name="liar", slots=SLOTS, **CRAWLS)
        fake = await enter(slow)
        monkeypatch.setenv("LD_LIBRARY_PATH", str(build_nvml(tmp_path)))
        # The weights keep a small model off a big machine: there it is alike, and gets its turns.
        boasts = policy == "predictive"
        monkeypatch.setenv("STANDIN_GPUS", "2" if boasts else "0")

        def liar() -> contextlib.AbstractAsyncContextManager[Program]:
            return node(tmp_path, coordinator.address, "liar", ollama=fake.address, slots=SLOTS)

        async with liar():
            await coordinator.ready("honest-1", "honest-2", "liar")
            claimed = await coordinator.nodes()
            speed = {name: each["hardware"]["memory_bandwidth_gbps"] for name, each in claimed.items()}
            assert speed["liar"] > 2 * speed["honest-1"] or not boasts
            first = await shares(coordinator, LEARNING)
            later = await shares(coordinator, LATER)
        await eventually(lambda: _left(coordinator), READY_S)
        async with liar():  # it has left in order, and comes back as a new process
            await coordinator.ready("liar")
            again = await shares(coordinator, LEARNING)
        assert first["liar"] > 0, "nobody knew better before"
        assert later["liar"] <= LATER / 10
        assert again["liar"] <= LEARNING / 10


async def _left(coordinator: Herd) -> bool:
    return bool((await coordinator.nodes())["liar"]["status"] == "offline")
