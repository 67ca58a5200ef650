"""One engine's process: start, wait until it is ready, start again when it ends, stop."""

import asyncio
import contextlib
import io
import logging
import signal
import sys
import time
from collections import deque
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from agent.backoff import wait_before_start

STOP_GRACE_S = 5.0
"""Between the polite signal and the other one."""
LAST_BYTES = 8192
"""Of the engine's log, read to say why it ended."""
WORKERS_WORD = " worker: "
"""Marks the line in which a worker says why it ends."""
LOG_BYTES = 8 * 2**20
"""An engine's log longer than this is turned over at the next start; one is kept."""

log = logging.getLogger("herd-node.supervisor")


class Ready(Struct):
    """The one line that a worker prints when it can be asked."""

    address: str
    pid: int
    engine_version: str = ""


class Supervisor:
    """Owns one child process at a time. `command` never goes through a shell."""

    def __init__(self, name: str, command: list[str], log_file: Path, ready_timeout_s: float) -> None:
        self.name = name
        self.ready: Ready | None = None
        """Set while the process can be asked."""
        self.reason = "not started"
        """Why it cannot be asked."""
        self.changed = asyncio.Event()
        self._command = command
        self._log_file = log_file
        self._ready_timeout_s = ready_timeout_s
        self._exits: deque[float] = deque(maxlen=16)
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts it and keeps it running."""
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        self._task = asyncio.create_task(self._keep_running(), name=f"supervisor-{self.name}")

    async def stop(self) -> None:
        """Ends it: politely, then by force. Returns when it is gone.

        The task is told, not cancelled: a cancellation in the middle of a start would lose the process.
        """
        self._stopping.set()
        if self._process is not None:
            await _end(self._process)
        if self._task is not None:
            await self._task

    async def _keep_running(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._run_once()
            except (OSError, ValueError) as error:
                self._down(f"cannot be started: {error}")
            now = time.monotonic()
            self._exits.append(now)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_before_start(self._exits, now)):
                    await self._stopping.wait()

    async def _run_once(self) -> None:
        process = self._process = await self._spawn()
        try:
            if not self._stopping.is_set() and await self._is_ready(process):
                code = await process.wait()
                self._down(f"exit code {code}: {self._last_words()}")
        finally:
            self.ready = self._process = None
            await _end(process)

    async def _spawn(self) -> asyncio.subprocess.Process:
        with self._open_log() as errors:
            return await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,  # its end tells the worker that the agent is gone
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                start_new_session=sys.platform != "win32",  # a ctrl-C at the terminal is ours to pass on
            )

    async def _is_ready(self, process: asyncio.subprocess.Process) -> bool:
        """Waits for the line. False: it took too long. A process that ended instead is left to `wait`."""
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            async with asyncio.timeout(self._ready_timeout_s):
                line = await process.stdout.readline()
        except TimeoutError:
            self._down(f"not ready within {self._ready_timeout_s:.0f} s")
            return False
        if line:
            self.ready = msgspec.json.decode(line, type=Ready)
            self.reason = ""
            log.info("%s is ready at %s (pid %d)", self.name, self.ready.address, self.ready.pid)
            self.changed.set()
        return True

    def _down(self, reason: str) -> None:
        self.ready = None
        self.reason = reason
        if not self._stopping.is_set():
            log.error("%s ended: %s", self.name, reason)
        self.changed.set()

    def _last_words(self) -> str:
        """The worker's own reason. Other lines are the engine's log, which may repeat a caller's words."""
        try:
            with self._log_file.open("rb") as file:
                file.seek(max(0, file.seek(0, io.SEEK_END) - LAST_BYTES))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError as error:
            return f"its log cannot be read: {error}"
        complaints = [line for line in lines if WORKERS_WORD in line]
        return complaints[-1] if complaints else f"see {self._log_file.name} in the node's logs"

    def _open_log(self) -> BinaryIO:
        """The engine's log, turned over where it has grown too long."""
        with contextlib.suppress(FileNotFoundError):
            if self._log_file.stat().st_size > LOG_BYTES:
                self._log_file.replace(self._log_file.with_suffix(".log.1"))
        return self._log_file.open("ab")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_GRACE_S):
                await process.wait()
            return
