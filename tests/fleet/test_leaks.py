"""A thousand calls whose callers go away leave nothing behind: no place, no descriptor, no task. Fake engines."""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from coordinator.app import coordinator
from coordinator.config import Settings
from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import PATHS, WAYS, Dialect, ask, body
from tests.fleet.harness import Herd, Program, fleet_of_fakes, node

CALLS, BATCH = 1_000, 50
SLOTS = 4
LONGEST_WAIT_S = 0.2
SLOW: dict[str, Any] = {"first_token_delay_s": 0.1, "token_delay_s": 0.02, "tokens": 200}
"""Long enough that no call ends by itself before it is aborted."""
FILES_SLACK = 4
GROWTH_LIMIT = 24 * 2**20
"""Bytes of resident memory from the first batches to the last."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")


async def abort_one(
    session: aiohttp.ClientSession, address: str, way: tuple[Dialect, bool], patience_s: float | None
) -> None:
    """Goes away after `patience_s`, wherever the call is then; None: after the first bytes of the answer."""
    dialect, stream = way
    url = address + PATHS[dialect]

    async def call() -> None:
        async with session.post(url, json=body("m", stream=stream)) as response:
            if patience_s is None:
                await response.content.readany()
            else:
                await response.read()
        # Leaving the block without having read it all closes the connection.

    try:
        await asyncio.wait_for(call(), patience_s)
    except TimeoutError:
        return
    assert patience_s is None, "the call was over before it could be aborted"


async def abort_many(address: str, count: int, chance: random.Random) -> None:
    """A batch at once: with eight places most wait, some are before their answer, some in the middle of it."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        calls = []
        for number in range(count):
            way = WAYS[number % len(WAYS)]
            midway = way[1] and number % 3 == 0
            patience_s = None if midway else chance.uniform(0, LONGEST_WAIT_S)
            calls.append(abort_one(session, address, way, patience_s))
        await asyncio.gather(*calls)


def open_files(programs: Mapping[str, Program]) -> dict[str, int]:
    """By program."""
    return {name: program.open_files() for name, program in programs.items()}


@pytest.mark.long
async def test_a_thousand_aborted_calls_leave_nothing_behind(tmp_path: Path) -> None:
    """Fake engines. Both dialects; held, before the answer, in the middle of it."""
    chance = random.Random(1)
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-1") as first,
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-2") as second,
        fleet_of_fakes(tmp_path, [first, second], slots=SLOTS) as herd,
    ):
        programs: dict[str, Program] = {"coordinator": herd, **herd.agents}
        for dialect, stream in WAYS:
            reply = await ask(herd, dialect, stream=stream)
            reply.must_be_from(reply.node)
        for fake in (first, second):
            await fake.switch(**SLOW)
        await eventually(herd.idle)
        files = open_files(programs)
        memory: dict[str, int] = {}
        for done in range(0, CALLS, BATCH):
            await abort_many(herd.address, BATCH, chance)
            await eventually(herd.idle, 3)
            if done == CALLS // 5:  # by now caches and pools have their size
                memory = {name: program.memory_bytes() for name, program in programs.items()}
        for fake in (first, second):
            await eventually(partial(is_quiet, fake))
        await eventually(lambda: none_above(open_files(programs), files, FILES_SLACK), 25, every_s=0.2)
        for name, before in memory.items():
            growth = programs[name].memory_bytes() - before
            print(f"{name}: {before / 2**20:.1f} MiB, {growth / 2**20:+.2f} MiB")  # noqa: T201 - for a person
            assert growth < GROWTH_LIMIT
        await must_have_seen_all_kinds([first, second])
        for fake in (first, second):
            await fake.switch(**dict.fromkeys(SLOW))
        for dialect, stream in WAYS:
            reply = await ask(herd, dialect, stream=stream)
            reply.must_be_from(reply.node)


async def must_have_seen_all_kinds(fakes: list[FakeEngine]) -> None:
    """Some calls reached an engine and were cancelled there; others never did. None failed."""
    states = [await fake.state() for fake in fakes]
    cancelled = sum(state.cancelled for state in states)
    assert CALLS // 10 < cancelled < CALLS - CALLS // 10, cancelled
    assert sum(state.failed for state in states) == 0
    assert max(state.max_active for state in states) <= 2 * SLOTS, "each may end while the next begins"


async def is_quiet(fake: FakeEngine) -> bool:
    """Whether it works on nothing."""
    state = await fake.state()
    return state.active == state.waiting == 0


def none_above(now: Mapping[str, int], before: Mapping[str, int], slack: int) -> bool:
    """Whether each is back."""
    return all(now[name] <= before[name] + slack for name in before)


def tasks() -> "Counter[str]":
    """What runs in this process, by the function that each task runs: some are made anew at every tick."""
    return Counter(getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks())


async def test_a_hundred_aborted_calls_leave_no_task(tmp_path: Path) -> None:
    """A fake engine and a real agent; the coordinator runs in this process, where its tasks can be seen."""
    settings = Settings(host="127.0.0.1", port=0, data_dir=str(tmp_path / "herd"))
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-1") as fake,
        coordinator(settings, time.monotonic) as running,
        aiohttp.ClientSession() as session,
        node(tmp_path, running.address, "node-1", ollama=fake.address, slots=SLOTS) as agent,
    ):
        herd = Herd(agent.process, agent.log, running.address, session)
        await herd.ready("node-1")
        (await ask(herd)).must_be_from("node-1")
        before = tasks()
        await fake.switch(**SLOW)
        chance = random.Random(2)
        for _ in range(2):
            await abort_many(running.address, BATCH, chance)
        await eventually(herd.idle, 3)
        await eventually(lambda: not tasks() - before)
        await eventually(lambda: is_quiet(fake))
        assert (await fake.state()).cancelled > 5
