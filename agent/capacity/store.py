"""The file in which the owner's week is kept. Everything here blocks for the disk."""

import logging
import time
from pathlib import Path

import msgspec

from agent.capacity.slots import Week, new_week
from shared.atomic import replaced

FILE = "capacity.json"
"""In the node's directory; a few kilobytes, whatever time passes."""

log = logging.getLogger("herd-node")


class Store:
    """`path`: the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._usable = True
        self._failure = ""

    def read(self, now: float) -> Week:
        """What was learned; a new week where there is no file, or none that can be used. `now`: since the epoch.

        A corrupt file is put aside. One that cannot be read stays as it is, and is not written over.
        """
        try:
            week = msgspec.json.decode(self._path.read_bytes(), type=Week)
        except FileNotFoundError:
            return new_week(now)
        except OSError as error:
            self._usable = False
            log.warning("%s cannot be read; learning begins anew, and is not kept: %s", self._path, error)
            return new_week(now)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._put_aside(error)
            return new_week(now)
        return week

    def write(self, content: bytes) -> None:
        """All of it or nothing. A failure is told once, until it is another."""
        if not self._usable:
            return
        try:
            replaced(self._path, content)
            self._failure = ""
        except OSError as error:
            if str(error) != self._failure:
                log.warning("what was learned of the owner's use is not kept: %s", error)
            self._failure = str(error)

    def _put_aside(self, error: Exception) -> None:
        aside = self._path.with_name(f"{FILE}.corrupt-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}")
        log.warning("%s is corrupt; learning begins anew, the file is now %s: %s", self._path, aside, error)
        try:
            self._path.replace(aside)
        except OSError as failure:
            self._usable = False
            log.warning("%s cannot be put aside: %s", self._path, failure)


def encoded(week: Week) -> bytes:
    """The file's content."""
    return msgspec.json.encode(week)
