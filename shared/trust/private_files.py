"""Files that only their user may read: written so, and refused when they are not."""

import contextlib
import os
import stat
import sys
from pathlib import Path

from shared.atomic import replaced

LIMIT = 2**20
"""Bytes of a file that holds a secret."""


class NotPrivate(OSError):
    """Others could have read or changed it. The text says what mends it."""


def private_directory(path: Path) -> None:
    """Is there now, and its user's alone. Blocks for the disk. Raises NotPrivate where others may look in; OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotPrivate(f"{path} is no directory of its own; remove it")
    _check(path, found, "700")


def write_private(path: Path, content: bytes) -> None:
    """The file has this content now, 0600, whole or not at all. Blocks for the disk. Raises OSError."""
    replaced(path, content)
    _settled(path.parent)


def _settled(directory: Path) -> None:
    """That a name leads to another file now outlives a failure of power, too: who was removed does not come back."""
    if sys.platform == "win32":
        return
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # some file systems have no such promise; the file is there
            os.fsync(handle)
    finally:
        os.close(handle)


def read_private(path: Path) -> bytes | None:
    """All of it; None: there is none. Blocks for the disk. Raises NotPrivate where others may read it, and OSError."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise NotPrivate(f"{path} is no file; remove it")
        _check(path, found, "600")
        content = file.read(LIMIT + 1)
    if len(content) > LIMIT:
        raise NotPrivate(f"{path} has more than {LIMIT} bytes: it is none of ours; remove it")
    return content


def _check(path: Path, found: os.stat_result, mode: str) -> None:
    """Windows keeps a user's own directories from others by other means, and has no such bits."""
    if sys.platform == "win32":
        return
    if found.st_uid != os.geteuid():
        raise NotPrivate(f"{path} belongs to another user: chown {os.geteuid()} '{path}'")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise NotPrivate(f"other users may read {path}: chmod {mode} '{path}'")
