"""A verb with a terminal of its own, as a person has it: what it shows, what is typed, ctrl-C."""

import asyncio
import fcntl
import os
import pty
import signal
import sys
import termios
from pathlib import Path

from tests.fakes.waiting import eventually
from tests.fleet.harness import REPOSITORY

SHOWN_S = 15.0
CTRL_C = b"\x03"


def _takes_the_terminal() -> None:
    """As a shell's program does: ctrl-C is for it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """One that runs."""

    def __init__(self, process: asyncio.subprocess.Process, descriptor: int) -> None:
        self._process = process
        self._descriptor = descriptor
        self._seen = b""
        os.set_blocking(descriptor, False)

    @classmethod
    async def begin(cls, data_dir: Path, *arguments: str, **environment: str) -> "Terminal":
        """`data_dir`: where the verb keeps its history, unless `environment` says otherwise."""
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "coordinator", *arguments),
            cwd=REPOSITORY,
            env={**os.environ, **(environment or {"FLEET_DATA_DIR": str(data_dir)}), "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_takes_the_terminal,
        )
        os.close(theirs)
        return cls(process, ours)

    def types(self, line: str) -> None:
        """And presses Enter. What was shown so far is forgotten."""
        self._seen = b""
        os.write(self._descriptor, line.encode() + b"\r")

    def interrupt(self) -> None:
        """As ctrl-C does. What was shown so far is forgotten."""
        self._seen = b""
        os.write(self._descriptor, CTRL_C)

    async def shows(self, text: str) -> None:
        """Waits until it does."""
        await eventually(lambda: text.encode() in self._read(), SHOWN_S)

    @property
    def shown(self) -> bytes:
        """All that it did, as it came."""
        return self._seen

    async def ended(self) -> int:
        """Waits for its end; the exit code."""
        await eventually(lambda: self._read() is not None and self._process.returncode is not None, SHOWN_S)
        os.close(self._descriptor)
        return self._process.returncode or 0

    def _read(self) -> bytes:
        try:
            while came := os.read(self._descriptor, 4096):
                self._seen += came
        except OSError:
            pass  # nothing yet, or it has ended
        return self._seen
