"""Load for a bare relay, and what that costs it. Nothing but what `herd` itself needs: scripts/bench runs it, too."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import psutil

ROOT = Path(__file__).parents[2]
CLIENTS = 64
PROMPT = b'{"model":"m","stream":false,"messages":[{"role":"user","content":"' + b"y" * 300 + b'"}]}'
HEADERS = (
    b"Host: 127.0.0.1\r\nAccept: application/json\r\nAccept-Encoding: identity\r\nUser-Agent: bench/1\r\n"
    b"Authorization: Bearer none\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    % len(PROMPT)
)
CALL = b"POST /api/chat HTTP/1.1\r\n" + HEADERS + PROMPT
STREAM = b"POST /stream HTTP/1.1\r\n" + HEADERS + PROMPT


class Client(asyncio.Protocol):
    """Asks again as soon as an answer is complete, until `left` is used up."""

    def __init__(self, request: bytes, end: bytes, left: list[int], done: asyncio.Event) -> None:
        self.request, self.end, self.left, self.done = request, end, left, done
        self.tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.ask()

    def ask(self) -> None:
        if self.left[0] > 0:
            self.left[0] -= 1
            self.transport.write(self.request)
        else:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        self.tail = (self.tail + data)[-len(self.end) :]
        if self.tail == self.end:
            self.tail = b""
            self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        assert exc is None
        self.left[1] -= 1
        if not self.left[1]:
            self.done.set()


async def load(port: int, request: bytes, end: bytes, calls: int, clients: int) -> None:
    left, done = [calls, clients], asyncio.Event()
    loop = asyncio.get_running_loop()
    for _ in range(clients):
        await loop.create_connection(lambda: Client(request, end, left, done), "127.0.0.1", port)
    async with asyncio.timeout(60):
        await done.wait()


@contextlib.contextmanager
def program(name: str, *arguments: str) -> Iterator[tuple[psutil.Process, int]]:
    with subprocess.Popen(
        [sys.executable, "-m", f"tests.benchmarks.{name}", *arguments], cwd=ROOT, stdout=subprocess.PIPE
    ) as child:
        try:
            assert child.stdout is not None
            yield psutil.Process(child.pid), int(child.stdout.readline())
        finally:
            child.kill()


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def cost(process: psutil.Process, port: int, request: bytes, end: bytes, calls: int) -> float:
    before = cpu_s(process)
    await load(port, request, end, calls, CLIENTS)
    return cpu_s(process) - before
