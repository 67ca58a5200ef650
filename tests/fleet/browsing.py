"""A real browser, and somebody else's web site that it opens."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from tests.fakes.control import FakeEngine
from tests.fleet.harness import Herd
from tests.lan.conftest import REQUIRED

PAGE = (Path(__file__).parent / "evil_page.html").read_text()
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
)
HEAD_END = b"\r\n\r\n"
OPENED_S = 90.0
EFFECTS = {"/api/chat", "/v1/chat/completions", "/api/pull", "/api/delete", "/api/generate"}


def browser() -> str:
    """Its program. Skips where there is none, or fails where it must be there."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None and os.environ.get(REQUIRED) == "1":
        pytest.fail(f"no chromium is installed, and {REQUIRED}=1")
    if found is None:
        pytest.skip("no chromium is installed")
    return found


async def nothing_happened(herd: Herd, fake: FakeEngine) -> None:
    """Raises AssertionError where a page had an effect on the fleet of one node with its model."""
    assert not EFFECTS & set((await fake.state()).by_path)
    (node,) = (await herd.nodes()).values()
    assert not node["cordoned"]
    assert [each["name"] for each in node["ollama"]["models_loaded"]] == ["m"]
    pins = await herd.get("/fleet/pin")
    assert not pins["anywhere"]
    assert not any(pins["per_node"].values())


async def shown(directory: Path, url: str, *flags: str) -> str:
    """The page at `url` as it stands after its scripts have run."""
    process = await _begun(directory, *flags, "--virtual-time-budget=8000", "--dump-dom", url)
    async with asyncio.timeout(OPENED_S):
        out, _ = await process.communicate()
    return out.decode(errors="replace")


@contextlib.asynccontextmanager
async def opened(directory: Path, url: str, *flags: str) -> AsyncIterator[None]:
    """A browser that has `url` open until the block ends."""
    process = await _begun(directory, *flags, "--remote-debugging-port=0", url)
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(OPENED_S):
            await process.communicate()


async def _begun(directory: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(browser(), *FLAGS, f"--user-data-dir={directory}", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )


class EvilSite:
    """Shows its page, takes what the page tells, and passes all else on to `rebound` as it came: what happens where a
    name is made to point to another machine after the page has come (DNS rebinding).
    """

    def __init__(self, targets: Sequence[str], rebound: str) -> None:
        """`targets`: base URLs that its page tries."""
        self._page = PAGE.replace("TARGETS", msgspec.json.encode(targets).decode()).encode()
        self._rebound = urlsplit(rebound)
        self.told: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, for one request."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(HEAD_END)
            path = head.split(b" ", 2)[1]
            if path in (b"/evil", b"/favicon.ico"):
                _answer(writer, self._page if path == b"/evil" else b"")
            elif path == b"/told":
                told = msgspec.json.decode(await reader.readexactly(_length(head)))
                _answer(writer, b"")
                if not self.told.done():
                    self.told.set_result(told)
            else:
                await self._pass_on(head, await reader.readexactly(_length(head)), writer)
            await writer.drain()
        writer.close()

    async def _pass_on(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._rebound.hostname, self._rebound.port)
        back.write(head.replace(b"Connection: keep-alive", b"Connection: close") + body)
        with contextlib.suppress(ConnectionError):
            writer.write(await there.read(-1))
        back.close()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _answer(writer: asyncio.StreamWriter, body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    writer.write(head % len(body) + body)
