"""A small file in the node's directory that keeps what was learned. Everything here blocks for the disk."""

import logging
import time
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from shared.atomic import replaced

Content = TypeVar("Content")

log = logging.getLogger("herd-node")


class KeptFile(Generic[Content]):
    """`path`: the file. `kind`: of its content. `what`: learning something, which begins anew without it."""

    def __init__(self, path: Path, kind: type[Content], what: str) -> None:
        self._path = path
        self._kind = kind
        self._what = what
        self._usable = True
        self._failure = ""

    def read(self) -> Content | None:
        """What was kept; None where there is no file, or none that can be used.

        A corrupt file is put aside. One that cannot be read stays as it is, and is not written over.
        """
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=self._kind)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._usable = False
            log.warning(
                "%s cannot be read; %s begins anew, and is not kept: %s", self._path, self._what, error
            )
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._put_aside(error)
        return None

    def write(self, content: bytes) -> None:
        """All of it or nothing; `content` is what `encoded` made. A failure is told once, until it is another."""
        if not self._usable:
            return
        try:
            replaced(self._path, content)
            self._failure = ""
        except OSError as error:
            if str(error) != self._failure:
                log.warning("what came of %s is not kept: %s", self._what, error)
            self._failure = str(error)

    def _put_aside(self, error: Exception) -> None:
        name = f"{self._path.name}.corrupt-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
        aside = self._path.with_name(name)
        log.warning(
            "%s is corrupt; %s begins anew, the file is now %s: %s", self._path, self._what, aside, error
        )
        try:
            self._path.replace(aside)
        except OSError as failure:
            self._usable = False
            log.warning("%s cannot be put aside: %s", self._path, failure)


def encoded(content: object) -> bytes:
    """The file's content."""
    return msgspec.json.encode(content)
