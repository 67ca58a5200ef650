"""Runs the llama.cpp worker for tests and speaks HTTP with it."""

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector

import agent.workers

PROGRAM = str(Path(agent.workers.__file__).with_name("llamacpp.py"))


@dataclass
class Worker:
    """A worker that is ready: its process, the line it wrote and an HTTP session on its address."""

    process: Process
    line: dict[str, Any]
    http: ClientSession

    async def get(self, path: str) -> Any:
        async with self.http.get(path) as response:
            assert response.status == 200
            return await response.json()

    async def post(self, path: str, **body: Any) -> Any:
        async with self.http.post(path, json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def events(self, path: str, **body: Any) -> list[str]:
        """The data of all server-sent events of a stream."""
        async with self.http.post(path, json={**body, "stream": True}) as response:
            text = await response.text()
        return [event.removeprefix("data: ") for event in text.split("\n\n") if event]

    async def busy(self) -> bool:
        return any(slot["is_processing"] for slot in await self.get("/slots"))

    async def idle(self) -> bool:
        return not await self.busy()


async def wait_until(condition: Callable[[], Awaitable[bool]], seconds: float) -> None:
    """Return as soon as the condition holds; fail when it does not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.01)


async def start(*arguments: str, program: tuple[str, ...] = (sys.executable, PROGRAM)) -> Process:
    return await asyncio.create_subprocess_exec(*program, *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE)


async def drain(stream: asyncio.StreamReader | None) -> None:
    assert stream is not None
    while await stream.read(65536):
        pass


async def first_line(process: Process) -> dict[str, Any]:
    assert process.stdout is not None
    line = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    assert isinstance(line, dict)
    return line


@asynccontextmanager
async def running(model: Path, *arguments: str) -> AsyncIterator[Worker]:
    process = await start("--model", str(model), "--alias", "tiny", "--threads", "1", *arguments)
    log = asyncio.create_task(drain(process.stderr))
    try:
        line = await first_line(process)
        # The engine closes a connection after each stream, so none may be used again.
        connector, timeout = TCPConnector(force_close=True), ClientTimeout(total=20)
        async with ClientSession(line["address"], connector=connector, timeout=timeout) as http:
            yield Worker(process, line, http)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await log
