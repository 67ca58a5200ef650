"""Reads the coordinator's log, a page at a time, for /fleet/logs. Blocks for the disk: call it in a thread.

A place in the log is told as `INODE-OFFSET`; where a day has ended since, reading goes on in the new file.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

MOST_LINES = 1_000
"""Of one page."""
LOOKED_AT = 8 * 2**20
"""Bytes that one page looks through."""
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
    with path.open("rb") as file:
        end = file.seek(0, 2)
        start = file.seek(max(0, end - LOOKED_AT))
        found, read = _lines(file.read(end - start), wanted, whole=start == 0)
        return Page(found[-count:], _place(path, start + read))


def after(path: Path, wanted: Wanted, place: str, count: int) -> Page:
    """Up to `count` such lines that were written later. Raises OSError; ValueError for a place that is none."""
    if not (read_before := _PLACE.fullmatch(place)):
        raise ValueError(f"{place[:40]!r} is no place in the log")
    inode, offset = int(read_before[1]), int(read_before[2])
    stat = path.stat()
    if (stat.st_ino, True) != (inode, 0 <= offset <= stat.st_size):
        offset = 0  # another day's file, or it was cut
    with path.open("rb") as file:
        file.seek(offset)
        content = file.read(LOOKED_AT)
    found: list[dict[str, Any]] = []
    read = 0
    for line, end in _split(content):
        if len(found) >= count:
            break
        read = end
        if (told := _decoded(line)) is not None and wanted.takes(told):
            found.append(told)
    return Page(found, f"{stat.st_ino}-{offset + read}")


def _lines(content: bytes, wanted: Wanted, *, whole: bool) -> tuple[list[dict[str, Any]], int]:
    """Such lines, and how many bytes whole lines are; the first is a part of one where it is not the file's first."""
    found, read = [], 0
    for number, (line, end) in enumerate(_split(content)):
        read = end
        told = _decoded(line) if whole or number else None
        if told is not None and wanted.takes(told):
            found.append(told)
    return found, read


def _split(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Whole lines and where each ends."""
    start = 0
    while (end := content.find(b"\n", start)) >= 0:
        yield content[start:end], end + 1
        start = end + 1


def _place(path: Path, offset: int) -> str:
    return f"{path.stat().st_ino}-{offset}"


def _decoded(line: bytes) -> dict[str, Any] | None:
    try:
        told = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return told if isinstance(told, dict) else None
