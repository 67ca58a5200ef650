"""Sees to it that the keys in use are those of the file: a key made or revoked there counts within a second."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable

from coordinator.access.key_file import KeyFile, KeysUnusable, Stamp
from coordinator.access.key_ring import KeyRing
from coordinator.access.last_use import LastUse

LOOK_EVERY_S = 0.25
_UNSEEN = Stamp(0, 0, -1, 0)
WRITE_EVERY_S = 10.0
"""When keys were used last, at the most so often."""

log = logging.getLogger("herd.keys")


class KeyWatch:
    """Looks from a thread of its own: no call waits for the disk, nothing else wakes while the file stays the same."""

    def __init__(
        self,
        file: KeyFile,
        ring: KeyRing,
        last_use: LastUse,
        gone: Callable[[set[str]], None] = lambda _ids: None,
    ) -> None:
        """`gone` is told the ids of keys that are no more."""
        self._file = file
        self._ring = ring
        self._last_use = last_use
        self._gone = gone
        self._stamp: Stamp | None = _UNSEEN
        self._blind = False
        self._next_write = time.monotonic() + WRITE_EVERY_S
        self.unusable: KeysUnusable | None = None
        """Why no key of the file counts now; None while all is well."""

    async def start(self) -> None:
        """Knows the keys when it returns."""
        await asyncio.to_thread(self._last_use.remember)
        await self.look()

    async def run(self) -> None:
        """Never ends by itself."""
        changed, ended = asyncio.Event(), threading.Event()
        looking = (asyncio.get_running_loop(), changed, ended)
        threading.Thread(target=self._look_out, args=looking, name="keys", daemon=True).start()
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._next_write - time.monotonic()):
                        await changed.wait()
                changed.clear()
                await self._look_again()
                if time.monotonic() >= self._next_write:
                    self._next_write = time.monotonic() + WRITE_EVERY_S
                    await self._write()
        finally:
            ended.set()
            await asyncio.shield(self._write())

    def _look_out(
        self, loop: asyncio.AbstractEventLoop, changed: asyncio.Event, ended: threading.Event
    ) -> None:
        while not ended.wait(LOOK_EVERY_S):
            if self._differs():
                with contextlib.suppress(RuntimeError):  # the loop has ended, and so does the program
                    loop.call_soon_threadsafe(changed.set)

    def _differs(self) -> bool:
        """Also where that cannot be told: then the loop's own look says why."""
        try:
            return self._file.stamp() != self._stamp
        except Exception:
            return True

    async def _look_again(self) -> None:
        """Whatever becomes of this look, there is a next one: who has revoked a key relies on it."""
        try:
            await self.look()
        except Exception:  # no further thread, say
            if not self._blind:
                log.exception("the keys cannot be looked at; it is tried again and again")
            self._blind = True
        else:
            self._blind = False

    async def look(self) -> None:
        """Once."""
        stamp = await asyncio.to_thread(self._file.stamp)
        if stamp == self._stamp:
            return
        try:
            keys, self.unusable = await asyncio.to_thread(self._file.read), None
        except KeysUnusable as error:
            # Who could read it may have taken what is in it, who could write it may have put in what was not there.
            keys, self.unusable = (), error
            log.error("no key counts: %s", error)  # noqa: TRY400
        # Read after it was looked at: what is written in between shows at the next look.
        self._stamp = stamp
        if gone := self._ring.take(keys):
            self._gone(gone)

    async def _write(self) -> None:
        write = self._last_use.taken(self._ring.knows)
        if write is None:
            return
        try:
            await asyncio.to_thread(write)
        except OSError as error:
            log.warning("when keys were used last cannot be written: %s", error.strerror)
