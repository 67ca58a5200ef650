"""A coordinator that was there first and lets everybody in, beside the one that an agent is meant for. Fake engines."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.candidates import SWITCH_AFTER_S
from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.harness import READY_S, Herd
from tests.fleet.joining import pending, token
from tests.lan.home import nodes_engines
from tests.lan.lab import Host, Lab
from tests.lan.measuring import Within
from tests.lan.programs import agent, answered, coordinator, online, seen_from

pytestmark = [pytest.mark.alone, pytest.mark.timeout(180)]

LONGER_S = SWITCH_AFTER_S + 10.0
"""After which an agent that has joined nobody looks for another coordinator."""


class _Scene:
    """The rogue one runs on mallory, open; beta has an engine, and no agent yet."""

    def __init__(self, herd: Herd, rogue: Herd, beta: Host, engine: FakeEngine) -> None:
        self.herd = herd
        self.rogue = rogue
        self.beta = beta
        self.engine = engine

    async def rogue_has_nothing(self) -> None:
        """Neither a beat nor a question to join came there."""
        assert await self.rogue.nodes() == {}
        assert await pending(self.rogue) == {}


@contextlib.asynccontextmanager
async def scene(directory: Path) -> AsyncIterator[_Scene]:
    async with Lab.open(directory) as lab, contextlib.AsyncExitStack() as stack:
        mallory, alpha, beta = await lab.hosts("mallory", "alpha", "beta", on=await lab.switch())
        engines = await nodes_engines(stack, beta)
        rogue = await stack.enter_async_context(coordinator(mallory, address="127.0.0.1"))
        herd = await stack.enter_async_context(coordinator(alpha, address="127.0.0.1", closed=True))
        yield _Scene(seen_from(alpha, herd, "http://127.0.0.1:11435"), rogue, beta, engines["beta"])


async def test_a_token_leads_past_it_and_who_has_joined_never_turns_to_it(
    tmp_path: Path, within: Within
) -> None:
    async with scene(tmp_path) as found:
        made = await token(found.herd)
        async with agent(found.beta, "--token", made, closed=True):
            await within("joined past the rogue one", READY_S, lambda: _is_online(found.herd))
            assert (await answered(found.herd)).node == "beta"
            await found.rogue_has_nothing()
            await found.herd.stop()
            await asyncio.sleep(LONGER_S)
            await found.rogue_has_nothing()


async def test_without_a_token_nobody_is_chosen_among_several(tmp_path: Path) -> None:
    async with scene(tmp_path) as found, agent(found.beta, closed=True) as program:
        await eventually(lambda: "several coordinators are heard" in program.log.read_text(), READY_S)
        await found.rogue_has_nothing()
        assert await pending(found.herd) == {}


async def _is_online(herd: Herd) -> bool:
    return await online(herd) == {"beta"}
