"""Waiting until an engine can be asked, and asking it whether it still can."""

import asyncio
import socket
from collections.abc import Callable

import aiohttp
import msgspec
from msgspec import Struct

from agent.supervision.launch import Launch, ReadyPath

LOOK_S = 0.1
"""Between questions to an engine that loads."""
QUESTION_S = 2.0
"""For one of them: an engine may take the connection and answer late."""


class Ready(Struct, frozen=True):
    """The one line that a worker prints when it can be asked; for other engines the same is put together."""

    address: str
    pid: int
    engine_version: str = ""


async def line_of(output: asyncio.StreamReader) -> Ready | None:
    """What the worker prints; None: it closed its output instead, and will end. Raises ValueError for nonsense."""
    line = await output.readline()
    return msgspec.json.decode(line, type=Ready) if line else None


async def answering(
    session: aiohttp.ClientSession, launch: Launch, pid: int, lives: Callable[[], bool]
) -> Ready | None:
    """When the engine's path answers with 200; None: the engine ended instead."""
    assert isinstance(launch.ready, ReadyPath)  # noqa: S101 - the caller has looked
    address = f"http://127.0.0.1:{launch.port}"
    while lives():
        if await status_of(session, address + launch.ready.path, QUESTION_S) == 200:
            return Ready(address, pid)
        await asyncio.sleep(LOOK_S)
    return None


async def status_of(session: aiohttp.ClientSession, url: str, timeout_s: float) -> int | None:
    """Of a GET; None: no answer in time."""
    try:
        async with (
            asyncio.timeout(timeout_s),
            session.get(url, allow_redirects=False, timeout=aiohttp.ClientTimeout(total=None)) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None


def taken(port: int | None) -> bool:
    """Whether somebody listens on that port of loopback."""
    if not port:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
