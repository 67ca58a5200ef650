"""Reads the coordinator's log, a page at a time, for /fleet/logs. Blocks for the disk: call it in a thread.

A place in the log is told as `INODE-OFFSET`; where a day has ended since, reading goes on in the new file. It is read
block by block, with a rest after each: a long search in a thread must not hold up the calls of the others.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

MOST_LINES = 1_000
"""Of one page."""
LOOKED_AT = 8 * 2**20
"""Bytes that one page looks through."""
BLOCK = 2**16
"""Bytes that are read at once."""
REST_S = 0.001
"""After each block."""
_PLACE = re.compile(r"(\d{1,20})-(\d{1,20})", re.ASCII)
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Wanted(NamedTuple):
    """Which lines; what is empty asks for all."""

    node_id: str = ""
    request_id: str = ""
    level: str = ""
    """This one and graver ones."""

    def takes(self, line: dict[str, Any]) -> bool:
        """Whether it is one of them."""
        if self.node_id and line.get("node_id") != self.node_id:
            return False
        if self.request_id and line.get("request_id") != self.request_id:
            return False
        return not self.level or line.get("level") in _LEVELS[_LEVELS.index(self.level) :]


class Page(NamedTuple):
    """Lines, oldest first, and where the next page begins."""

    lines: list[dict[str, Any]]
    after: str


def is_level(text: str) -> bool:
    """Whether it is a level's name."""
    return text in _LEVELS


def newest(path: Path, wanted: Wanted, count: int) -> Page:
    """The last `count` such lines in the last LOOKED_AT bytes. Raises OSError."""
    found: list[dict[str, Any]] = []
    with path.open("rb") as file:
        end = file.seek(0, 2)
        read = start = max(0, end - LOOKED_AT)
        for line, line_end in backwards(file, start, end):
            read = max(read, line_end)
            if (told := _decoded(line)) is not None and wanted.takes(told):
                found.append(told)
                if len(found) >= count:
                    break
        return Page(found[::-1], _place(path, read))


def after(path: Path, wanted: Wanted, place: str, count: int) -> Page:
    """Up to `count` such lines that were written later. Raises OSError; ValueError for a place that is none."""
    if not (read_before := _PLACE.fullmatch(place)):
        raise ValueError(f"{place[:40]!r} is no place in the log")
    inode, offset = int(read_before[1]), int(read_before[2])
    stat = path.stat()
    if (stat.st_ino, True) != (inode, 0 <= offset <= stat.st_size):
        offset = 0  # another day's file, or it was cut
    found: list[dict[str, Any]] = []
    with path.open("rb") as file:
        for line, line_end in forwards(file, offset, offset + LOOKED_AT):
            if len(found) >= count:
                break
            offset = line_end
            if (told := _decoded(line)) is not None and wanted.takes(told):
                found.append(told)
    return Page(found, f"{stat.st_ino}-{offset}")


def forwards(file: BinaryIO, start: int, end: int, block: int = BLOCK) -> Iterator[tuple[bytes, int]]:
    """Whole lines from `start`, and where each ends; a block is the last that begins before `end`."""
    rest, at = b"", start
    file.seek(start)
    while at < end and (content := file.read(block)):
        begin = at - len(rest)
        at += len(content)
        content = rest + content
        line_begin = 0
        while (line_end := content.find(b"\n", line_begin)) >= 0:
            yield content[line_begin:line_end], begin + line_end + 1
            line_begin = line_end + 1
        rest = content[line_begin:]
        time.sleep(REST_S)


def backwards(file: BinaryIO, start: int, end: int, block: int = BLOCK) -> Iterator[tuple[bytes, int]]:
    """The same from the last to the first; that is left out where it may have begun before `start`."""
    rest, at = b"", end
    while at > start:
        size = min(block, at - start)
        at -= size
        file.seek(at)
        content = file.read(size) + rest
        line_end = content.rfind(b"\n")
        while (before := content.rfind(b"\n", 0, max(0, line_end))) >= 0:
            yield content[before + 1 : line_end], at + line_end + 1
            line_end = before
        rest = content[: line_end + 1] or content  # without a line end: half a line, or the half of one
        time.sleep(REST_S)
    if start == 0 and rest.endswith(b"\n"):
        yield rest[:-1], len(rest)


def _place(path: Path, offset: int) -> str:
    return f"{path.stat().st_ino}-{offset}"


def _decoded(line: bytes) -> dict[str, Any] | None:
    try:
        told = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return told if isinstance(told, dict) else None
