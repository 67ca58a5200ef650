"""A test's handle on a fake engine process."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp
import msgspec

from tests.fakes.counting import State
from tests.fakes.switches import Switches

_PROGRAM = Path(__file__).with_name("engine.py")
_START_S = 20.0
_STOP_S = 3.0


class _Ready(msgspec.Struct):
    address: str
    pid: int


class FakeEngine:
    """One running fake engine; make it with `async with FakeEngine.run(...)`."""

    def __init__(
        self, process: asyncio.subprocess.Process, address: str, session: aiohttp.ClientSession
    ) -> None:
        self.address = address
        self._process = process
        self._session = session

    @classmethod
    @contextlib.asynccontextmanager
    async def run(
        cls,
        models: Sequence[str] = ("m",),
        *,
        loaded: Sequence[str] = (),
        slots: int = 1,
        name: str = "fakeA",
        host: str = "127.0.0.1",
        port: int = 0,
        inside: Sequence[str] = (),
        connector: aiohttp.TCPConnector | None = None,
        **switches: Any,
    ) -> AsyncIterator[Self]:
        """Starts a fake engine with these switches set, and ends it.

        In another network: `inside` is the command before the program's, `connector` reaches it there.
        """
        process = await asyncio.create_subprocess_exec(
            *inside,
            sys.executable,
            str(_PROGRAM),
            *(
                "--host",
                host,
                "--port",
                str(port),
                "--models",
                ",".join(models),
                "--loaded",
                ",".join(loaded),
            ),
            *("--slots", str(slots), "--name", name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            address = await _address(process)
            timeout = aiohttp.ClientTimeout(total=10)
            async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
                fake = cls(process, address, session)
                if switches:
                    await fake.switch(**switches)
                yield fake
        finally:
            await _end(process)

    @property
    def pid(self) -> int:
        """The process id of the engine."""
        return self._process.pid

    async def switch(self, **switches: Any) -> Switches:
        """Sets switches, None puts one back; gives all of them as they are now."""
        async with self._session.post(f"{self.address}/_fake/switches", json=switches) as response:
            data = await response.read()
        if response.status != 200:
            raise ValueError(data.decode())
        return msgspec.json.decode(data, type=Switches)

    async def switches(self) -> Switches:
        """The switches as they are now."""
        return await self.switch()

    async def state(self) -> State:
        """What the engine has seen so far."""
        async with self._session.get(f"{self.address}/_fake/state") as response:
            return msgspec.json.decode(await response.read(), type=State)

    async def reset(self) -> None:
        """Clears the counters and the recorded calls."""
        async with self._session.post(f"{self.address}/_fake/reset") as response:
            response.raise_for_status()

    def kill(self) -> None:
        """SIGKILL: every connection breaks at once."""
        _signal(self._process, signal.SIGKILL)

    def stop_process(self) -> None:
        """SIGSTOP: connections still open, nothing is answered; `state` cannot be read either."""
        _signal(self._process, signal.SIGSTOP)

    def continue_process(self) -> None:
        """SIGCONT after `stop_process`."""
        _signal(self._process, signal.SIGCONT)

    async def exited(self, timeout_s: float = 5.0) -> int:
        """Waits for the end of the process and gives its exit status."""
        return await asyncio.wait_for(self._process.wait(), timeout_s)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), _START_S)
    if not line:
        raise RuntimeError("the fake engine ended before it was ready; its stderr says why")
    return msgspec.json.decode(line, type=_Ready).address


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends the process by closing its stdin, by force where it does not listen."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    # A stopped process would sleep through the end of its stdin.
    _signal(process, signal.SIGCONT)
    try:
        await asyncio.wait_for(process.wait(), _STOP_S)
    except TimeoutError:
        _signal(process, signal.SIGKILL)
        await process.wait()
    # Reading to the end lets asyncio close its side of the pipe while the loop still runs.
    await process.stdout.read()
    with contextlib.suppress(ConnectionError):
        await process.stdin.wait_closed()
