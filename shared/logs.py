"""Logs of either program: JSON lines in a file that turns over daily, and plain lines on the terminal.

Records go in batches to one thread, so a slow disk or terminal never holds up a call. A line is written within
GATHER_S of its making; a process that is killed loses those that are not.
A log line never carries a prompt, an answer or a secret: callers pass names and numbers only.
"""

import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import msgspec

from shared.batches import Batches
from shared.log_file import DailyFile
from shared.printable import printable

KEPT_DAYS = 30
QUEUE_LIMIT = 10_000
"""Records waiting for the writer; beyond it new ones are dropped and counted."""
GATHER_S = 0.2
"""Seconds that a record waits for more, so that they are written together."""
BATCH = 1_000
"""Records that are written together, at most."""

_FIELDS = ("request_id", "node_id", "model", "engine", "status", "latency_ms", "retries", "route")


class JsonLines(logging.Formatter):
    """`{"ts", "level", "logger", "msg"}`, what of `_FIELDS` the record carries, and `always`."""

    def __init__(self, always: Mapping[str, object]) -> None:
        super().__init__()
        self._always = always

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON, without a line end."""
        if isinstance(record, LateRecord):  # of its own, no more than what is written here is asked
            message, fields = record.told()
        else:
            message, fields = record.getMessage(), record.__dict__
        line: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": logging.getLevelName(record.levelno),
            "logger": record.name,
            "msg": message,
        }
        line.update(self._always)
        for field in _FIELDS:
            if field in fields:
                line[field] = fields[field]
        if exception := record.__dict__.get("exc_info"):
            line["exception"] = self.formatException(exception)
        try:
            return _encoder.encode(line).decode()
        except UnicodeEncodeError:  # half a character, as odd bytes of a header become
            return _encoder.encode({field: _whole(value) for field, value in line.items()}).decode()


_encoder = msgspec.json.Encoder()


def _whole(value: object) -> object:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


class ConsoleLines(logging.Formatter):
    """`HH:MM:SS LEVEL message`, with a traceback in lines of its own.

    Whoever answers us, an engine or another machine, must not steer the terminal or make up lines of ours: what cannot
    be printed is shown as an escape.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name for it
        """The first line, whatever the message has in it."""
        return printable(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """It, and the lines of a traceback."""
        return "\n".join(map(printable, super().format(record).split("\n")))


class LateRecord(logging.LogRecord):
    """A record whose text and fields are made where it is written. For what is logged a thousand times a second: to
    make an ordinary one, with its text, takes six times as long.
    """

    def __init__(self, name: str, level: int, created: float) -> None:
        """`created`: seconds of Unix time."""
        self.name = name
        self.levelno = level
        self.created = created

    def told(self) -> tuple[str, Mapping[str, object]]:
        """The message and the fields. Asked in another thread: it reads what does not change."""
        raise NotImplementedError

    def getMessage(self) -> str:  # noqa: N802 - logging's name for it
        """The message. Every other formatter asks for it first: from then on, all is there that any record has."""
        message, fields = self.told()
        self.levelname = logging.getLevelName(self.levelno)
        self.msecs = int(self.created % 1 * 1000) + 0.0
        self.__dict__ = {**_BLANK, **self.__dict__, **fields}
        return message


_BLANK = logging.LogRecord("", logging.NOTSET, "", 0, "", None, None).__dict__
"""What an ordinary record has."""


class Door(logging.Handler):
    """Hands records to the writer. Drops rather than waits when that is behind; the count is told when there is room
    again.
    """

    def __init__(self, records: Batches[logging.LogRecord]) -> None:
        super().__init__()
        self._records = records
        self._counting = threading.Lock()
        self._dropped = 0

    def handle(self, record: logging.LogRecord) -> bool:
        """Without the handler's lock, which every thread that logs would wait for: here is nothing that needs it."""
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Never blocks. Formats the message here, so that its arguments cannot change before it is written."""
        if not isinstance(record, LateRecord):
            try:
                record.msg, record.args = record.getMessage(), None
            except Exception:
                self.handleError(record)
                return
        if not self._records.put(record):
            with self._counting:
                self._dropped += 1
        elif self._dropped:
            with self._counting:
                if self._records.put(_warning(f"{self._dropped} log lines dropped")):
                    self._dropped = 0


class _Writer:
    """The thread that writes them."""

    def __init__(
        self, records: Batches[logging.LogRecord], console: logging.Handler, file: DailyFile
    ) -> None:
        self._records = records
        self._console = console
        self._file = file
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)

    def start(self) -> None:
        """Once."""
        self._thread.start()

    def stop(self) -> None:
        """Returns when all is written."""
        self._stopping = True
        self._records.close()
        self._thread.join()

    def _run(self) -> None:
        while True:
            stopping = self._stopping
            batch = self._records.take(None)
            for record in batch:
                if record.levelno >= self._console.level:
                    self._console.handle(record)
            self._file.write([record for record in batch if record.levelno >= self._file.level])
            if stopping and not batch:
                return


_TALKATIVE = {"zeroconf": logging.ERROR}
"""Libraries that have a word for each packet or interface; what matters of it our own parts tell."""


@contextmanager
def logging_to(
    directory: Path,
    program: str,
    file_level: str,
    console_level: str,
    always: Mapping[str, object] = MappingProxyType({}),
) -> Iterator[Callable[[str, str], None]]:
    """Logs to `directory/<program>.jsonl` and to stderr until the block ends, then flushes. Gives what changes the two
    levels, the file's and the terminal's.

    `always`: fields of every line, to tell apart the processes that share the file. While the file cannot be written,
    the terminal alone is used and says so.
    """
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(ConsoleLines())
    file = DailyFile(directory / f"{program}.jsonl", KEPT_DAYS, lambda text: console.handle(_warning(text)))
    file.setFormatter(JsonLines(always))
    records: Batches[logging.LogRecord] = Batches(QUEUE_LIMIT, BATCH, GATHER_S)
    door = Door(records)
    writer = _Writer(records, console, file)
    root = logging.getLogger()
    for name, level in _TALKATIVE.items():
        logging.getLogger(name).setLevel(level)
    root.addHandler(door)

    def set_levels(of_file: str, of_console: str) -> None:
        file.setLevel(of_file)
        console.setLevel(of_console)
        root.setLevel(min(file.level, console.level))

    set_levels(file_level, console_level)
    writer.start()
    try:
        yield set_levels
    finally:
        root.removeHandler(door)
        writer.stop()
        console.close()
        file.close()


def _warning(text: str) -> logging.LogRecord:
    return logging.LogRecord("logs", logging.WARNING, "", 0, text, None, None)
