"""The file of callers' keys, `keys.json`: their hashes, and what each may do. For its user's eyes only.

The verbs `herd key ...` write it, with or without a coordinator that runs; the coordinator only reads it.
"""

import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from shlex import quote
from typing import NamedTuple

import msgspec
from msgspec import Struct

from coordinator.access.keys import Key
from shared.atomic import replaced

FILE = "keys.json"
LARGEST = 16 * 2**20
"""Bytes: tens of thousands of keys."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeysUnusable(Exception):
    """The text names the file, and what is wrong with it; never what it holds."""

    def __init__(self, why: str, command: str = "") -> None:
        """`command`: what mends it, for the coordinator's user; empty: no single one does."""
        super().__init__(f"{why}: {command}" if command else why)
        self.why = why
        self.command = command


class Stamp(NamedTuple):
    """What differs once the file has been written, or opened to others."""

    inode: int
    changed_ns: int
    bytes: int
    mode: int


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    keys: tuple[Key, ...] = ()


class KeyFile:
    """Everything here blocks for the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def stamp(self) -> Stamp | None:
        """None: there is no file, or none that can be looked at."""
        try:
            seen = self.path.stat()
        except OSError:
            return None
        return Stamp(seen.st_ino, max(seen.st_mtime_ns, seen.st_ctime_ns), seen.st_size, seen.st_mode)

    def read(self) -> tuple[Key, ...]:
        """None where there is no file. Raises KeysUnusable: also where others than its user may read or write it."""
        try:
            handle = os.open(self.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            self._check(os.fstat(handle))
            with open(handle, "rb", closefd=False) as file:
                content = file.read(LARGEST + 1)
        except OSError as error:
            raise self._unreadable(error) from error
        finally:
            os.close(handle)
        return self._decoded(content)

    def change(self, changed: Callable[[tuple[Key, ...]], tuple[Key, ...]]) -> None:
        """Reads, changes and writes it, one program after another. Raises KeysUnusable, and what `changed` raises."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _alone(self.path.with_name(f"{self.path.name}.lock")):
                keys = changed(self.read())
                replaced(self.path, msgspec.json.format(msgspec.json.encode(_File(keys))) + b"\n")
                _given_back(self.path)
        except OSError as error:
            raise KeysUnusable(f"{self.path} cannot be written: {error.strerror}") from error

    def _check(self, seen: os.stat_result) -> None:
        if not stat.S_ISREG(seen.st_mode):
            raise KeysUnusable(f"{self.path} is no file", self._put_aside())
        if os.name == "posix" and seen.st_mode & OTHERS:
            raise KeysUnusable(
                f"{self.path} is open to others than its user (mode {stat.S_IMODE(seen.st_mode):o})",
                self._kept_to_its_user(),
            )

    def _decoded(self, content: bytes) -> tuple[Key, ...]:
        if len(content) > LARGEST:
            raise KeysUnusable(f"{self.path} is larger than {LARGEST} bytes", self._put_aside())
        try:
            keys = msgspec.json.decode(content, type=_File).keys
            for each in keys:
                bytes.fromhex(each.sha256)
        except (ValueError, RecursionError) as error:  # of decoding, too
            raise KeysUnusable(
                f"{self.path} makes no sense: {type(error).__name__}; mend it, run the version of herd that wrote"
                " it, or put it aside and make new keys",
                self._put_aside(),
            ) from error
        return keys

    def _unreadable(self, error: OSError) -> KeysUnusable:
        why, command = f"{self.path} cannot be read: {error.strerror}", ""
        if isinstance(error, PermissionError) and os.name == "posix":
            mine = self._owner() == os.geteuid()
            command = (
                self._kept_to_its_user() if mine else f"sudo chown {os.geteuid()} {quote(str(self.path))}"
            )
        return KeysUnusable(why, command)

    def _owner(self) -> int | None:
        """None: it cannot be told."""
        try:
            return self.path.stat().st_uid
        except OSError:
            return None

    def _kept_to_its_user(self) -> str:
        return f"chmod 600 {quote(str(self.path))}"

    def _put_aside(self) -> str:
        return f"mv {quote(str(self.path))} {quote(f'{self.path}.aside')}"


def _given_back(path: Path) -> None:
    """Of what root wrote in another user's directory: the coordinator runs as that user, and has to read it."""
    if os.name == "posix" and os.geteuid() == 0:
        directory = path.parent.stat()
        os.chown(path, directory.st_uid, directory.st_gid)


if sys.platform == "win32":
    import msvcrt

    @contextlib.contextmanager
    def _alone(path: Path) -> Iterator[None]:
        with path.open("ab") as file:
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
            yield
else:
    import fcntl

    @contextlib.contextmanager
    def _alone(path: Path) -> Iterator[None]:
        """Who changes the same file meanwhile waits. The lock goes with the program."""
        handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(handle, "wb") as file:
            with contextlib.suppress(OSError):  # a disk without locks
                fcntl.flock(file, fcntl.LOCK_EX)
            yield
