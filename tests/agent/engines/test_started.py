"""Engines that the agent starts, as trees of processes under its supervisor: doubles stand in for the programs."""

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from agent.building import Around, built
from agent.engines.kinds import BUILT_IN, KINDS
from agent.engines.openai_server import OpenAIServer
from agent.engines.wanted import wanted
from agent.supervision.launch import Launch, Rung
from agent.supervisor import Supervisor
from tests.fakes.doubles.running import PROGRAMS, behind_gateway, engine_session
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="groups of processes are POSIX's")


@asynccontextmanager
async def started(directory: Path, name: str, text: str, *more: str) -> AsyncIterator[OpenAIServer]:
    """The engine, with the double in place of its program; ended, and nothing of it left."""
    (want,) = wanted([text], {}, KINDS, BUILT_IN)
    kind = msgspec.structs.replace(
        KINDS[want.kind], command=lambda _found, _options: (sys.executable, str(PROGRAMS / f"{name}.py"))
    )
    async with engine_session() as session:

        def supervise(name: str, launch: Callable[[Rung], Launch], **told: Any) -> Supervisor:
            def with_more(rung: Rung) -> Launch:
                one = launch(rung)
                return msgspec.structs.replace(one, command=(*one.command, *more))

            return Supervisor(name, with_more, directory, session, **told)

        engine = built(want, kind, Around(session, directory, 2.0, supervise, lambda _name: "/bin/true"))
        await engine.start()
        try:
            yield engine
        finally:
            await engine.stop()


async def test_a_started_vllm_serves_and_its_whole_tree_ends(tmp_path: Path) -> None:
    async with started(tmp_path, "vllm", "vllm:model=/m/tiny:context=1024") as engine:
        report = await engine.look()
        assert (report.up, [each.name for each in report.models]) == (True, ["tiny"])
        async with engine_session() as session, behind_gateway(engine, session) as door:
            assert (await door.chat("tiny", stream=True))[0] == 200
        tree = _tree(engine.url)
        assert len(tree) == 3
    assert not [each for each in tree if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


async def test_a_vllm_whose_api_is_killed_is_back_and_leaves_nobody(tmp_path: Path) -> None:
    async with started(tmp_path, "vllm", "vllm:model=/m/tiny") as engine:
        before = _tree(engine.url)
        before[0].kill()

        async def back() -> bool:
            return (await engine.look()).up and _tree(engine.url)[0].pid != before[0].pid

        await eventually(back, 20)
        assert not [each for each in before if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


async def test_a_started_krasis_is_ended_by_the_signal_that_it_heeds(tmp_path: Path) -> None:
    registry = tmp_path / "servers"
    registry.mkdir()
    more = ("--registry", str(registry))
    async with started(tmp_path, "krasis", "krasis:model=/m/moe", *more) as engine:
        assert (await engine.look()).replicas[0].context_length == 8192
        (pid,) = [int(path.stem) for path in registry.iterdir()]
        os.kill(pid, signal.SIGTERM)  # waits in the native loop
        assert (await engine.look()).up
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def _tree(url: str | None) -> list[psutil.Process]:
    """The process that listens there, and its children."""
    port = int((url or ":0").rpartition(":")[2])
    mine = psutil.Process().children(recursive=True)
    api = next(
        each
        for each in mine
        if any(
            socket.status == psutil.CONN_LISTEN and socket.laddr.port == port
            for socket in each.net_connections("tcp")
        )
    )
    return [api, *api.children(recursive=True)]
