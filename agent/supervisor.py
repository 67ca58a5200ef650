"""One engine's process: start, wait until it is ready, start again when it ends, stop."""

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections import deque
from pathlib import Path

import msgspec
from msgspec import Struct

from agent.backoff import wait_before_start

STOP_GRACE_S = 5.0
"""Between the polite signal and the other one."""
LAST_LINES = 20
"""Of the process's own output, kept to say why it ended."""

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
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts it and keeps it running."""
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        self._task = asyncio.create_task(self._keep_running(), name=f"supervisor-{self.name}")

    async def stop(self) -> None:
        """Ends it: politely, then by force. Returns when it is gone."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep_running(self) -> None:
        while True:
            await self._run_once()
            now = time.monotonic()
            self._exits.append(now)
            await asyncio.sleep(wait_before_start(self._exits, now))

    async def _run_once(self) -> None:
        with self._log_file.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,  # its end tells the worker that the agent is gone
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                start_new_session=sys.platform != "win32",  # a ctrl-C at the terminal is ours to pass on
            )
        try:
            await self._until_ready(process)
            code = await process.wait()
            self._down(f"exit code {code}: {self._last_words()}")
        finally:
            self.ready = None
            await _end(process)

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            line = await asyncio.wait_for(process.stdout.readline(), self._ready_timeout_s)
            self.ready = msgspec.json.decode(line, type=Ready)
        except TimeoutError:
            self._down(f"not ready within {self._ready_timeout_s:.0f} s")
            await _end(process)
        except msgspec.DecodeError:
            return  # it ended without the line: its exit says why
        else:
            self.reason = ""
            log.info("%s is ready at %s (pid %d)", self.name, self.ready.address, self.ready.pid)
        self.changed.set()

    def _down(self, reason: str) -> None:
        self.ready = None
        self.reason = reason
        log.error("%s ended: %s", self.name, reason)
        self.changed.set()

    def _last_words(self) -> str:
        try:
            lines = self._log_file.read_bytes()[-8192:].decode("utf-8", "replace").splitlines()
        except OSError as error:
            return f"its log cannot be read: {error}"
        told = [line for line in lines[-LAST_LINES:] if line.strip()]
        complaints = [
            line for line in told if " worker: " in line
        ]  # a worker's own word, amid its engine's log
        return (complaints or told or ["it said nothing"])[-1]


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_GRACE_S)
            return
