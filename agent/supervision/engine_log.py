"""An engine's log: its standard error goes straight into the file, so that it goes on when the agent is gone."""

import contextlib
import io
import shutil
from pathlib import Path
from typing import BinaryIO

LOG_BYTES = 8 * 2**20
"""A log longer than this is turned over, also under a running engine; one is kept."""
LAST_BYTES = 8192
"""Of it, read to say why the engine ended."""
WORKERS_WORD = " worker: "
"""Marks the line in which a worker of ours says why it ends."""


class EngineLog:
    """`path`: the file. Everything here blocks for the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._began = 0

    def open(self) -> BinaryIO:
        """For a new process; what it writes begins here. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if self.path.stat().st_size > LOG_BYTES:
                self.path.replace(self._kept)
        file = self.path.open("ab")  # appending, whoever else writes or cuts it
        self._began = file.tell()
        return file

    def turn_over(self) -> None:
        """Where it has grown too long under a running engine: copied and cut, since the engine holds the file.
        Lines that come in between are lost. Raises OSError.
        """
        if self.path.stat().st_size > LOG_BYTES:
            shutil.copyfile(self.path, self._kept)
            with self.path.open("r+b") as file:
                file.truncate()
            self._began = 0

    def last_lines(self) -> list[str]:
        """Of this start, at most LAST_BYTES. Raises OSError."""
        with self.path.open("rb") as file:
            end = file.seek(0, io.SEEK_END)
            file.seek(max(min(self._began, end), end - LAST_BYTES))
            return file.read().decode("utf-8", "replace").splitlines()

    @property
    def _kept(self) -> Path:
        return self.path.with_suffix(".log.1")


def workers_word(lines: list[str]) -> str:
    """The worker's own reason. Other lines are the engine's log, which may repeat a caller's words."""
    return next((line for line in reversed(lines) if WORKERS_WORD in line), "")
