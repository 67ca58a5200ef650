"""Logs of either program: JSON lines in a file that turns over daily, and plain lines on the terminal.

Records go through a queue to one thread, so a slow disk or terminal never holds up a call.
A log line never carries a prompt, an answer or a secret: callers pass names and numbers only.
"""

import logging
import logging.handlers
import queue
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import msgspec

from shared.log_file import DailyFile
from shared.printable import printable

KEPT_DAYS = 30
QUEUE_LIMIT = 10_000
"""Records waiting for the writer; beyond it new ones are dropped and counted."""

_FIELDS = ("request_id", "node_id", "model", "engine", "status", "latency_ms", "retries", "route")


class JsonLines(logging.Formatter):
    """`{"ts", "level", "logger", "msg"}`, what of `_FIELDS` the record carries, and `always`."""

    def __init__(self, always: Mapping[str, object]) -> None:
        super().__init__()
        self._always = always

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON, without a line end."""
        line: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "msg": record.getMessage(),
        }
        line.update(self._always)
        line.update((field, record.__dict__[field]) for field in _FIELDS if field in record.__dict__)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        try:
            return msgspec.json.encode(line).decode()
        except UnicodeEncodeError:  # half a character, as odd bytes of a header become
            return msgspec.json.encode({field: _whole(value) for field, value in line.items()}).decode()


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


class _DroppingQueue(logging.handlers.QueueHandler):
    """Drops rather than waits when the writer is behind; the count is told when there is room again."""

    def __init__(self, records: "queue.Queue[logging.LogRecord]") -> None:
        super().__init__(records)
        self._records = records
        self._dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        """Never blocks."""
        try:
            self._records.put_nowait(record)
        except queue.Full:
            self._dropped += 1
            return
        if self._dropped and not self._records.full():
            lost, self._dropped = self._dropped, 0
            self._records.put_nowait(_warning(f"{lost} log lines dropped"))

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Formats the message here, so that its arguments cannot change before the thread writes it."""
        record.msg, record.args = record.getMessage(), None
        return record


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
    records: queue.Queue[logging.LogRecord] = queue.Queue(QUEUE_LIMIT)
    door = _DroppingQueue(records)
    listener = logging.handlers.QueueListener(records, console, file, respect_handler_level=True)
    root = logging.getLogger()
    for name, level in _TALKATIVE.items():
        logging.getLogger(name).setLevel(level)
    root.addHandler(door)

    def set_levels(of_file: str, of_console: str) -> None:
        file.setLevel(of_file)
        console.setLevel(of_console)
        root.setLevel(min(file.level, console.level))

    set_levels(file_level, console_level)
    listener.start()
    try:
        yield set_levels
    finally:
        root.removeHandler(door)
        listener.stop()
        console.close()
        file.close()


def _warning(text: str) -> logging.LogRecord:
    return logging.LogRecord("logs", logging.WARNING, "", 0, text, None, None)
