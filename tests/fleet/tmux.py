"""`herd top` in a real terminal: a tmux server of the test's own."""

import asyncio
import contextlib
import os
import shutil
import sys
import uuid
from collections.abc import AsyncIterator

from tests.fakes.waiting import eventually
from tests.fleet.harness import REPOSITORY

THERE = shutil.which("tmux") is not None
SEEN_S = 30.0
NOT_ITS_OWN = ("TMUX", "COLUMNS", "LINES")
"""What a test's own terminal, or a runner of tests side by side, says of another."""
ENDED = "ended with "
"""What stands there then, and the exit code: tmux itself does not always know it."""


class Terminal:
    """A window that runs one command."""

    def __init__(self, name: str) -> None:
        self._name = name

    @classmethod
    @contextlib.asynccontextmanager
    async def running(
        cls, *arguments: str, columns: int, rows: int, **environment: str
    ) -> AsyncIterator["Terminal"]:
        """`herd` with these arguments, until the block ends."""
        command = (sys.executable, "-m", "coordinator", *arguments)
        async with cls.of(*command, columns=columns, rows=rows, **environment) as terminal:
            yield terminal

    @classmethod
    @contextlib.asynccontextmanager
    async def of(
        cls, *program: str, columns: int, rows: int, **environment: str
    ) -> AsyncIterator["Terminal"]:
        """Any program, until the block ends."""
        terminal = cls(f"herd-{uuid.uuid4().hex[:12]}")
        given = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environment}
        command = ["env", *(f"{name}={value}" for name, value in given.items())]
        await terminal._tmux(
            *("new-session", "-d", "-x", str(columns), "-y", str(rows), "-c", str(REPOSITORY)),
            *("sh", "-c", f'"$@"; echo "{ENDED}$?"; exec sleep 600', "sh"),
            *(*command, *program),
        )
        try:
            yield terminal
        finally:
            await terminal._tmux("kill-server")

    async def lines(self) -> list[str]:
        """What stands on the screen."""
        return (await self._tmux("capture-pane", "-p")).split("\n")[:-1]

    async def press(self, *keys: str) -> None:
        """In tmux's names."""
        for key in keys:
            await self._tmux("send-keys", key)

    async def resize(self, columns: int, rows: int) -> None:
        """Of the window."""
        await self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    async def sees(self, *texts: str) -> list[str]:
        """Waits until all of them stand there; the lines then."""
        found: list[str] = []

        async def there() -> bool:
            found[:] = await self.lines()
            return all(text in "\n".join(found) for text in texts)

        try:
            await eventually(there, SEEN_S, 0.1)
        except AssertionError:
            raise AssertionError(f"{texts} not in:\n" + "\n".join(found)) from None
        return found

    async def exited(self) -> int:
        """Waits for the end of the program; its exit code."""
        lines = await self.sees(ENDED)
        return int("".join(lines).partition(ENDED)[2].split()[0])

    async def _tmux(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *("tmux", "-L", self._name, "-f", os.devnull, *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if name not in NOT_ITS_OWN},
        )
        told, wrong = await process.communicate()
        assert process.returncode == 0, wrong.decode()
        return told.decode()
