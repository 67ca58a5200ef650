"""A test's handle on a double: it runs by itself, or behind a gateway as the node would have it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import msgspec

from agent.engine_calls import engine_calls
from agent.engines.engine import Engine
from agent.gateway import Gateway
from agent.swapping.roster import Roster
from shared.serving import serving
from shared.wire import engine_path

PROGRAMS = Path(__file__).parent
SECRET = "a-secret-of-the-test"
START_S = 20.0


class Double(msgspec.Struct):
    """Where it listens, and its process."""

    address: str
    pid: int


@asynccontextmanager
async def running(program: str, *arguments: str) -> AsyncIterator[Double]:
    """The double of that name, in a group of its own, ended with all its processes."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAMS / f"{program}.py"),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            line = await process.stdout.readline()
        yield msgspec.json.decode(line, type=Double)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await process.stdout.read()


@asynccontextmanager
async def engine_session() -> AsyncIterator[aiohttp.ClientSession]:
    """As the agent makes it."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        yield session


class Door:
    """The gateway's, with the key."""

    def __init__(self, address: str, engine: str, session: aiohttp.ClientSession) -> None:
        self._base = address + engine_path(engine, "")
        self._session = session

    async def ask(self, path: str, body: object = None, method: str = "") -> tuple[int, str, bytes]:
        """Status, type and body."""
        key = {"Authorization": f"Bearer {SECRET}"}
        method = method or ("GET" if body is None else "POST")
        async with self._session.request(method, self._base + path, json=body, headers=key) as response:
            return response.status, response.content_type, await response.read()

    async def chat(self, model: str, *, stream: bool, **more: object) -> tuple[int, str, bytes]:
        """One call."""
        messages = [{"role": "user", "content": "hello"}]
        asked = {"model": model, "messages": messages, "stream": stream} | more
        return await self.ask("/v1/chat/completions", asked)


@asynccontextmanager
async def behind_gateway(engine: Engine, session: aiohttp.ClientSession) -> AsyncIterator[Door]:
    """The engine as the coordinator would reach it."""

    async def nothing() -> None:
        """Nobody is told of changes."""

    async with engine_calls(2.0) as calls:
        gateway = Gateway("n", SECRET, Roster([engine]), calls, 2**20, nothing)
        async with serving(gateway.server(), "127.0.0.1", 0, 0.0) as (host, port):
            yield Door(f"http://{host}:{port}", engine.name, session)
