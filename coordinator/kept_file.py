"""A small file of what people ordered. What could not be read at the start is never written over: it may be all there
is of their orders, and a person can mend it.
"""

import logging
import os
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from shared.atomic import replaced

Kind = TypeVar("Kind")


class NotKept(Exception):
    """Nothing was written. The text names the file and what is wrong with it."""


class KeptFile(Generic[Kind]):
    """`kind`: what its JSON means. Everything here blocks for the disk."""

    def __init__(self, path: Path, kind: type[Kind], log: logging.Logger) -> None:
        self._path = path
        self._kind = kind
        self._log = log
        self._unread = ""

    def read(self) -> Kind | None:
        """None where there is no file, or none that can be read: that is told in the log."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=self._kind)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._unread = f"{self._path} could not be read at the start: {error.strerror}"
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._unread = f"{self._path} made no sense at the start: {error}"
        self._log.warning("%s; it stays as it is, and nothing is kept until it is mended", self._unread)
        return None

    def write(self, content: bytes) -> None:
        """All of it or nothing. Raises NotKept."""
        if refusal := self.refusal():
            raise NotKept(refusal)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replaced(self._path, content)
        except OSError as error:
            raise NotKept(f"{self._path} cannot be written: {error.strerror}") from error
        self._unread = ""

    def refusal(self) -> str:
        """Why nothing may be written, or an empty text: also once somebody has taken the unread file away."""
        if not self._unread or not os.path.lexists(self._path):
            return ""
        return f"{self._unread}; mend it and start the coordinator anew, or take it away"
