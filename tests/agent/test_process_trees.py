"""An engine of several processes: whichever dies, none of the others is left, nor what they left behind."""

import os
import signal
import sys
import time
from pathlib import Path

import aiohttp

from agent.supervision.evidence import Patience, ProcessState
from agent.supervision.kinds import Kind
from agent.supervision.launch import Launch, ReadyPath
from agent.supervision.tree import state
from agent.supervisor import Supervisor
from tests.agent.supervised import free_port, supervising, until_ready
from tests.fakes import engine_tree

QUICK = Patience(probe_every_s=0.1, probe_timeout_s=0.3, idle_silence_s=0.5, stopped_s=60.0)


def launch(directory: Path) -> Launch:
    port = free_port()
    left = str(directory / "shm")
    return Launch(
        command=(sys.executable, str(engine_tree.__file__), str(port), left),
        port=port,
        ready=ReadyPath("/health"),
        leftovers=(f"{left}-{{pid}}", f"{left}-pl*"),
    )


async def numbers(supervisor: Supervisor) -> list[int]:
    assert supervisor.ready is not None
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{supervisor.ready.address}/health") as answer,
    ):
        return [int(word) for word in (await answer.text()).split()]


def left(directory: Path) -> set[str]:
    return {path.name for path in directory.glob("shm-*")}


async def test_when_the_api_process_is_killed_nobody_survives(tmp_path: Path) -> None:
    old, new = tmp_path / "shm-1", tmp_path / "shm-2"
    old.touch()  # of some other engine, by its number
    async with supervising(tmp_path, lambda _: launch(tmp_path)) as supervisor:
        pid = await until_ready(supervisor)
        tree = await numbers(supervisor)
        new.touch()
        assert len(left(tmp_path)) == 5
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        await until_ready(supervisor, pid)
        sys.stdout.write(
            f"\nAPI process of a tree killed: ready again after {time.monotonic() - began:.2f} s\n"
        )
        assert [state(each) for each in tree] == [ProcessState.GONE] * 3
        assert supervisor.events.all()[0].kind is Kind.KILLED
        tree = await numbers(supervisor)
        assert left(tmp_path) == {"shm-1", "shm-2", "shm-plain", *(f"shm-{each}" for each in tree[1:])}
    assert [state(each) for each in tree] == [ProcessState.GONE] * 3
    assert left(tmp_path) == {"shm-1", "shm-2"}


async def test_one_that_goes_on_without_answering_is_wedged(tmp_path: Path) -> None:
    """Stopped, with a patience that does not look at that: only its silence tells."""
    async with supervising(tmp_path, lambda _: launch(tmp_path), patience=QUICK) as supervisor:
        pid = await until_ready(supervisor)
        os.kill(pid, signal.SIGSTOP)
        await until_ready(supervisor, pid)
        assert [event.kind for event in supervisor.events.all()] == [Kind.WEDGED]
