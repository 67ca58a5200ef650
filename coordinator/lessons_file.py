"""What the fleet has taught is written down from time to time, so that a restart forgets nothing."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from coordinator.core.lessons import Lessons
from shared.atomic import replaced

LESSONS = "learned.json"
"""In the data directory."""
EVERY_S = 60.0

log = logging.getLogger("herd")


class LessonsFile:
    """JSON. One that is spoilt is begun anew: all in it will be learned again."""

    def __init__(self, path: Path, lessons: Callable[[], Lessons]) -> None:
        self._path = path
        self._lessons = lessons
        self._written = b""

    async def read(self) -> Lessons:
        """As they were written last; none where there is no file, or no good one."""
        try:
            self._written = await asyncio.to_thread(self._path.read_bytes)
            return msgspec.json.decode(self._written, type=Lessons)
        except FileNotFoundError:
            return Lessons()
        except OSError as error:
            log.warning("%s cannot be read: %s; it is learned anew", self._path, error.strerror)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            log.warning("%s makes no sense: %s; it is learned anew", self._path, error)
        return Lessons()

    async def run(self) -> None:
        """Writes what has changed, until it is cancelled; then once more."""
        try:
            while True:
                await asyncio.sleep(EVERY_S)
                await self._write()
        finally:
            await self._write()

    async def _write(self) -> None:
        content = msgspec.json.encode(self._lessons())
        if content == self._written:
            return
        try:
            await asyncio.to_thread(self._replace, content)
        except OSError as error:
            log.warning("%s cannot be written: %s", self._path, error.strerror)
            return
        self._written = content

    def _replace(self, content: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        replaced(self._path, content)
