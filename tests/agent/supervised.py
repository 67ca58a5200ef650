"""A supervisor over a small program or over the real llama.cpp worker, for tests."""

import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

import agent.workers
from agent.backoff import QUARANTINE_S
from agent.supervision.admission import Admission
from agent.supervision.evidence import Patience
from agent.supervision.launch import Launch, ReadyLine, Rung
from agent.supervision.progress import Progress
from agent.supervisor import Supervisor
from tests.fakes.waiting import eventually

WORKER = Path(agent.workers.__file__).with_name("llamacpp.py")
READY = 'print(\'{"address": "http://127.0.0.1:9", "pid": 1}\', flush=True); '
"""A program's line."""
FOR_EVER = "import sys; sys.stdin.read()"
UNPROBED = ReadyLine(health="")
"""For programs that do not listen."""


@asynccontextmanager
async def supervising(
    directory: Path,
    launch: Callable[[Rung], Launch],
    *,
    rungs: Sequence[Rung] = (Rung.AS_IT_WAS,),
    patience: Patience | None = None,
    progress: Progress | None = None,
    quarantine_s: float = QUARANTINE_S,
    memory_returned: Callable[[], Awaitable[bool]] | None = None,
    admission: Admission | None = None,
) -> AsyncIterator[Supervisor]:
    """Started; at the end stopped."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        supervisor = Supervisor(
            "it",
            launch,
            directory,
            session,
            model="m",
            rungs=rungs,
            patience=patience,
            progress=progress,
            quarantine_s=quarantine_s,
            memory_returned=memory_returned,
            admission=admission,
        )
        supervisor.start()
        try:
            yield supervisor
        finally:
            await supervisor.stop()


async def until_ready(supervisor: Supervisor, but_for: int = 0, timeout_s: float = 20.0) -> int:
    """The number of the process that can be asked; another than `but_for`."""
    await eventually(lambda: supervisor.ready is not None and supervisor.ready.pid != but_for, timeout_s)
    assert supervisor.ready is not None
    return supervisor.ready.pid


def program(
    text: str, *arguments: str, python: str = sys.executable, ready_timeout_s: float = 10.0
) -> Launch:
    """Of Python."""
    return Launch(command=(python, "-c", text, *arguments), ready=UNPROBED, ready_timeout_s=ready_timeout_s)


def free_port() -> int:
    """Of loopback, a moment ago."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def worker_command(model: Path, *options: str) -> tuple[str, ...]:
    """The real worker's."""
    words = ("--model", str(model), "--alias", "tiny", "--threads", "1")
    return (sys.executable, str(WORKER), *words, *options)
