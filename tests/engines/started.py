"""A real engine as an agent would start it, behind a gateway as the coordinator would reach it."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from agent.building import Around, built
from agent.engines.kinds import BUILT_IN, KINDS
from agent.engines.openai_server import OpenAIServer
from agent.engines.wanted import wanted
from agent.supervision.launch import Launch, Rung
from agent.supervisor import Supervisor
from tests.fakes.doubles.running import Door, behind_gateway, engine_session

SHARED = Path("/dev/shm")  # noqa: S108 - where engines leave what they share
COMPLETIONS = "/v1/completions"
NAME = "tiny"


@dataclass(frozen=True)
class Tiny:
    """The model of the tests. `texts`: prompts and what plain transformers answer; `chat`: likewise, to one;
    `halved`: in bfloat16.
    """

    python: str
    directory: Path
    extensions: Path
    """Where DeepSpeed's compiled ones are kept."""
    texts: dict[str, str]
    chat: str
    halved: dict[str, str]

    def options(self, **more: Any) -> dict[str, Any]:
        """As in engines.toml. Threads are few: the machine is others' too."""
        environment = {"OMP_NUM_THREADS": "1", "TORCH_EXTENSIONS_DIR": str(self.extensions)}
        told = {"model": str(self.directory), "served_name": NAME, "python": self.python}
        return told | {"environment": environment} | more


@dataclass
class Running:
    """The engine, and the way to it."""

    engine: OpenAIServer
    door: Door
    supervisor: Supervisor

    async def complete(self, prompt: str, **more: Any) -> dict[str, Any]:
        """The answer to one call, which is greedy."""
        asked = {"model": NAME, "prompt": prompt, "temperature": 0} | more
        status, _, body = await self.door.ask(COMPLETIONS, asked)
        assert status == 200, body
        told = json.loads(body)
        assert isinstance(told, dict)
        return told

    async def streamed(self, path: str, **asked: Any) -> list[dict[str, Any]]:
        """The events of a stream; its end is as it should be."""
        told = {"model": NAME, "temperature": 0, "stream": True} | asked
        status, kind, body = await self.door.ask(path, told)
        assert (status, kind) == (200, "text/event-stream"), body
        events = [event.removeprefix("data: ") for event in body.decode().split("\n\n") if event]
        assert events.pop() == "[DONE]"
        return [json.loads(event) for event in events]

    def tree(self) -> list[psutil.Process]:
        """Its processes, the first one first."""
        (pid,) = self.engine.pids
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]

    def resident(self) -> int:
        """Bytes, of all of them."""
        return sum(each.memory_info().rss for each in self.tree())


@asynccontextmanager
async def started(kind: str, directory: Path, options: dict[str, Any]) -> AsyncIterator[Running]:
    """Ready; at the end nothing of it is left, neither a process nor a file in shared memory."""
    (want,) = wanted(["it"], {"it": {"kind": kind, **options}}, KINDS, BUILT_IN)
    supervisors: list[Supervisor] = []
    async with engine_session() as session:

        def supervise(name: str, launch: Callable[[Rung], Launch], **told: Any) -> Supervisor:
            supervisors.append(Supervisor(name, launch, directory, session, **told))
            return supervisors[-1]

        engine = built(want, KINDS[kind], Around(session, directory, 10.0, supervise))
        await engine.start()
        try:
            assert engine.url, _last_words(supervisors, directory)
            async with behind_gateway(engine, session) as door:
                running = Running(engine, door, supervisors[0])
                tree = running.tree()
                yield running
                tree += running.tree() if engine.pids else []
        finally:
            await engine.stop()
    assert all(gone(each) for each in tree)
    assert not [name for each in tree for name in shared_by(each.pid)]


def shared_by(pid: int) -> list[str]:
    """Files in shared memory that are called after the process."""
    return [path.name for path in SHARED.iterdir() if str(pid) in path.name.split("_")]


def gone(process: psutil.Process) -> bool:
    """Whether it has ended; a zombie has."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def _last_words(supervisors: list[Supervisor], directory: Path) -> str:
    log = directory / "logs" / "it.log"
    lines = log.read_text(errors="replace").splitlines()[-30:] if log.exists() else []
    return "\n".join([supervisors[0].reason, *lines])
