"""An agent killed by force, and the next one: the engine is adopted, or ended; never a second beside it."""

import asyncio
import json
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import psutil
import pytest

from agent.supervision import identity
from agent.supervision.evidence import ProcessState
from agent.supervision.kinds import Kind
from agent.supervision.launch import Launch, ReadyPath
from agent.supervision.tree import state
from tests.agent.supervised import free_port, supervising, until_ready, worker_command
from tests.fakes import engine_tree, lone_agent
from tests.fakes.random_model import ensure_random_model
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.real_engine

ENDLESS = ("--context-length", "32768")
TOLD_S = 20.0


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_random_model(tmp_path_factory.mktemp("models"))


@pytest.fixture
async def agents() -> AsyncIterator[list[Process]]:
    """Those of a test: at its end none of them lives."""
    started: list[Process] = []
    yield started
    for agent in started:
        if agent.returncode is None:
            await killed(agent)


async def agent_with(agents: list[Process], directory: Path, launch: Launch) -> tuple[Process, int, str]:
    """A lone agent, and the number and the address of its engine."""
    told = msgspec.json.encode(launch).decode()
    program = (sys.executable, str(lone_agent.__file__), str(directory), told)
    agent = await asyncio.create_subprocess_exec(*program, stdout=PIPE)
    agents.append(agent)
    assert agent.stdout is not None
    async with asyncio.timeout(TOLD_S):
        ready = json.loads(await agent.stdout.readline())
    return agent, ready["pid"], ready["address"]


async def killed(agent: Process) -> None:
    agent.kill()
    await agent.wait()


def gone(pid: int) -> bool:
    return state(pid) is ProcessState.GONE


async def test_the_engine_of_a_killed_agent_is_adopted_and_its_calls_go_on(
    agents: list[Process], tmp_path: Path, model: Path
) -> None:
    command = worker_command(model, *ENDLESS, "--outlive", "20")
    launch = Launch(command=command, outlives_agent=True)
    agent, pid, address = await agent_with(agents, tmp_path, launch)
    async with aiohttp.ClientSession() as session:
        asked = {"prompt": "once", "max_tokens": 30_000, "stream": True}
        answer = await session.post(f"{address}/v1/completions", json=asked)
        assert await answer.content.readany()
        began = time.monotonic()
        await killed(agent)
        async with supervising(tmp_path, lambda _: launch) as supervisor:
            assert await until_ready(supervisor) == pid
            sys.stdout.write(f"\nagent killed: adopted after {time.monotonic() - began:.2f} s\n")
            assert [event.kind for event in supervisor.events.all()] == [Kind.ADOPTED]
            assert await answer.content.readany()  # the same stream
            os.kill(pid, signal.SIGKILL)  # who is adopted is watched too
            began = time.monotonic()
            another = await until_ready(supervisor, pid)
            sys.stdout.write(f"adopted engine killed: serving again after {time.monotonic() - began:.2f} s\n")
        answer.close()
    assert gone(another)


async def test_an_engine_that_nobody_adopts_ends_by_itself(
    agents: list[Process], tmp_path: Path, model: Path
) -> None:
    launch = Launch(command=worker_command(model, "--outlive", "0.5"), outlives_agent=True)
    agent, pid, _ = await agent_with(agents, tmp_path, launch)
    await killed(agent)
    await eventually(lambda: gone(pid), 10)


async def test_an_engine_for_another_model_is_ended_and_not_adopted(
    agents: list[Process], tmp_path: Path, model: Path
) -> None:
    before = Launch(command=worker_command(model, "--outlive", "20"), outlives_agent=True)
    agent, pid, _ = await agent_with(agents, tmp_path, before)
    await killed(agent)
    launch = Launch(command=worker_command(model, "--slots", "1", "--outlive", "20"), outlives_agent=True)
    async with supervising(tmp_path, lambda _: launch) as supervisor:
        assert await until_ready(supervisor) != pid
        assert gone(pid)


async def test_the_engine_of_an_agent_that_lives_is_left_to_it(
    agents: list[Process], tmp_path: Path, model: Path
) -> None:
    launch = Launch(command=worker_command(model, "--outlive", "0.5"), outlives_agent=True)
    agent, pid, _ = await agent_with(agents, tmp_path, launch)
    async with supervising(tmp_path, lambda _: launch) as supervisor:
        await eventually(lambda: "another agent" in supervisor.reason)
        assert supervisor.ready is None
    assert not gone(pid)
    agent.terminate()
    await agent.wait()
    await eventually(lambda: gone(pid), 30)


def tree_launch(directory: Path, *, outlives: bool) -> Launch:
    port, left = free_port(), str(directory / "shm")
    return Launch(
        command=(sys.executable, str(engine_tree.__file__), str(port), left),
        port=port,
        ready=ReadyPath("/health"),
        leftovers=(f"{left}-{{pid}}", f"{left}-pl*"),
        outlives_agent=outlives,
    )


def left(directory: Path) -> list[Path]:
    return list(directory.glob("shm-*"))


async def test_a_tree_that_answers_by_http_is_adopted_whatever_port_is_wanted_now(
    agents: list[Process], tmp_path: Path
) -> None:
    launch = tree_launch(tmp_path, outlives=True)
    agent, pid, _ = await agent_with(agents, tmp_path, launch)
    await killed(agent)
    async with supervising(tmp_path, lambda _: tree_launch(tmp_path, outlives=True)) as supervisor:
        assert await until_ready(supervisor) == pid
        assert supervisor.ready is not None
        assert supervisor.ready.address.endswith(f":{launch.port}")
    assert gone(pid)
    assert left(tmp_path) == []


async def test_a_tree_that_may_not_outlive_its_agent_is_ended_by_the_next(
    agents: list[Process], tmp_path: Path
) -> None:
    agent, pid, _ = await agent_with(agents, tmp_path, tree_launch(tmp_path, outlives=False))
    await killed(agent)
    assert not gone(pid)
    async with supervising(tmp_path, lambda _: tree_launch(tmp_path, outlives=False)) as supervisor:
        assert await until_ready(supervisor) != pid
        assert gone(pid)
        assert len(left(tmp_path)) == 3
    assert left(tmp_path) == []


async def test_what_is_left_of_a_tree_whose_first_process_died_too_is_ended(
    agents: list[Process], tmp_path: Path
) -> None:
    agent, pid, _ = await agent_with(agents, tmp_path, tree_launch(tmp_path, outlives=True))
    await killed(agent)
    others = psutil.Process(pid).children(recursive=True)
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: gone(pid))
    assert not any(gone(each.pid) for each in others)
    async with supervising(tmp_path, lambda _: tree_launch(tmp_path, outlives=True)) as supervisor:
        await until_ready(supervisor)
        assert all(gone(each.pid) for each in others)
        assert supervisor.events.all() == ()  # an orphan is no alarm


async def test_a_process_with_its_number_is_not_it(tmp_path: Path) -> None:
    """The file names a process that lives, of the same number, and another start."""
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import sys; sys.stdin.read()", stdin=PIPE
    )
    who = identity.Identity(
        name="it",
        pid=other.pid,
        started=psutil.Process(other.pid).create_time() - 1000,
        command=(sys.executable, "-c", "import sys; sys.stdin.read()"),
        mark="it-0",
        rung="as it was",  # type: ignore[arg-type]
        owner=2**22 + 1,
        owner_started=0.0,
        address="http://127.0.0.1:9",
        port=9,
    )
    identity.written(tmp_path / "engines" / "it.json", who)
    assert identity.read(tmp_path / "engines" / "it.json") == msgspec.structs.replace(who)
    assert not identity.lives(who)
    launch = Launch(command=(sys.executable, "-c", "raise SystemExit(2)"), outlives_agent=True)
    async with supervising(tmp_path, lambda _: launch) as supervisor:
        await eventually(supervisor.changed.is_set)
        assert other.returncode is None
    other.kill()
    await other.wait()
