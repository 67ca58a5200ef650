"""The file of a log: whole lines, a new file each day (UTC), shared by any number of processes.

Whole lines are written at once, at the end of the file. A file that another process turned over, or somebody moved, is
noticed before the next. Where the file cannot be written, lines are lost and counted; nobody waits, and it is tried
again.
"""

import contextlib
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterable
from io import FileIO
from pathlib import Path

from shared.batches import giving_way

DAY_S = 86_400


class DailyFile(logging.Handler):
    """Appends to `path`; a finished day becomes `PATH.YYYY-MM-DD`, of which the newest `kept` stay."""

    def __init__(
        self, path: Path, kept: int, tell: Callable[[str], object], clock: Callable[[], float] = time.time
    ) -> None:
        """`tell` says elsewhere what is wrong with the file, once each time; `clock` gives Unix seconds."""
        super().__init__()
        self._path = path
        self._kept = kept
        self._tell = tell
        self._clock = clock
        self._file: FileIO | None = None
        self._identity = (0, 0)
        self._day = 0
        self._doubted = True
        """The file may end inside a line: a disk was full, a machine lost its power."""
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """One line, or one more that is lost."""
        self.write([record])

    def write(self, records: Iterable[logging.LogRecord]) -> None:
        """A line for each, all in one write; or so many more that are lost."""
        lines = [line for record in giving_way(records) if (line := self._line(record)) is not None]
        if not lines:
            return
        try:
            self._append(lines)
        except OSError as error:
            self._let_go()
            if not self._lost:
                self._tell(f"no log file: {error}; its lines are lost until it can be written")
            self._lost += len(lines)
            return
        if self._lost:
            self._tell(f"the log file is written again; {self._lost} lines are lost")
            self._lost = 0

    def _line(self, record: logging.LogRecord) -> bytes | None:
        try:
            return self.format(record).encode("utf-8", "backslashreplace")
        except Exception:
            self.handleError(record)
            return None

    def close(self) -> None:
        """Nothing is kept back, so nothing is flushed."""
        self._let_go()
        super().close()

    def _append(self, lines: list[bytes]) -> None:
        file = self._current()
        # At worst, where another process is writing just now, this makes an empty line.
        start = b"\n" if self._doubted and _ends_inside_a_line(file) else b""
        data = memoryview(start + b"\n".join(lines) + b"\n")
        self._doubted = True
        while data:
            data = data[file.write(data) :]
        self._doubted = False

    def _current(self) -> FileIO:
        today = int(self._clock() // DAY_S)
        if self._file is not None and _identity(self._path) != self._identity:
            self._let_go()
        file = self._file or self._open(today)
        if self._day < today:
            self._turn_over(file)
            file = self._open(today)
            self._day = today
        return file

    def _open(self, today: int) -> FileIO:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = file = FileIO(self._path, "a+")
        found = os.fstat(file.fileno())
        self._identity = (found.st_dev, found.st_ino)
        self._day = int(found.st_mtime // DAY_S) if found.st_size else today
        return file

    def _turn_over(self, file: FileIO) -> None:
        _hold(file)
        try:
            aside = self._path.with_name(f"{self._path.name}.{_date(self._day)}")
            # Another process may have been first; and a clock that went back must not cost a day that was kept.
            if _identity(self._path) == self._identity and not aside.exists():
                self._path.rename(aside)
                self._delete_old()
        finally:
            self._let_go()

    def _delete_old(self) -> None:
        dated = re.compile(re.escape(self._path.name) + r"\.\d{4}-\d\d-\d\d")
        days = sorted(path for path in self._path.parent.iterdir() if dated.fullmatch(path.name))
        for path in days[: -self._kept]:
            path.unlink(missing_ok=True)

    def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_dev, found.st_ino)


def _ends_inside_a_line(file: FileIO) -> bool:
    if not file.seek(0, os.SEEK_END):
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def _date(day: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(day * DAY_S))


if sys.platform == "win32":

    def _hold(file: FileIO) -> None:
        file.close()  # nobody can rename a file that is open
else:
    import fcntl

    def _hold(file: FileIO) -> None:
        """Others who have the same file open wait here until we close it, then see that it was put aside."""
        with contextlib.suppress(OSError):  # a disk without locks
            fcntl.flock(file, fcntl.LOCK_EX)
