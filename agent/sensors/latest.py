"""A reading that may block: made in a thread of its own, and never waited for longer than a moment."""

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

PATIENCE_S = 1.0
"""A beat waits this long; then it tells the last value."""
FIRST_PATIENCE_S = 5.0
"""The first beat waits longer: without GPUs it would draw calls that do not fit, and a driver takes a while to wake."""

log = logging.getLogger("herd-node")
T = TypeVar("T")


class Latest(Generic[T]):
    """The last value of `read`; `first` until there is one.

    The thread is its own and stays for the next reading: to start one costs more than most readings. It is a daemon,
    not one of asyncio's pool: a driver that hangs must not keep the agent from ending.
    At most one reading is under way, however often it is asked for.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], T],
        first: T,
        patience_s: float = PATIENCE_S,
        first_patience_s: float = FIRST_PATIENCE_S,
    ) -> None:
        self._name = name
        self._read = read
        self._value = first
        self._patience_s = patience_s
        self._wait_s = first_patience_s
        self._under_way: asyncio.Future[T] | None = None
        self._late = False
        self._failure = ""
        self._has_thread = False
        self._asked: queue.SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Future[T]]] = (
            queue.SimpleQueue()
        )

    async def value(self) -> T:
        """Of this moment, or the last one where the reading is late or fails."""
        reading = self._under_way or self._start()
        wait_s, self._wait_s = self._wait_s, self._patience_s
        done, _ = await asyncio.wait({reading}, timeout=wait_s)
        if not done:
            self._tell_late(wait_s)
            return self._value
        if self._under_way is reading:
            self._under_way, self._late = None, False
        try:
            self._value = reading.result()
            self._failure = ""
        except Exception as error:
            self._tell_failure(error)
        return self._value

    def _tell_failure(self, error: Exception) -> None:
        """Once, until it is another one: a driver that is gone stays so for all beats to come."""
        if repr(error) != self._failure:
            log.error("%s cannot be read; its last value is told", self._name, exc_info=error)
        self._failure = repr(error)

    def _tell_late(self, wait_s: float) -> None:
        if not self._late:
            log.warning("reading %s takes longer than %g s; its last value is told", self._name, wait_s)
        self._late = True

    def _start(self) -> asyncio.Future[T]:
        if not self._has_thread:
            threading.Thread(target=self._read_when_asked, name=self._name, daemon=True).start()
            self._has_thread = True
        loop = asyncio.get_running_loop()
        self._under_way = future = loop.create_future()
        self._asked.put((loop, future))
        return future

    def _read_when_asked(self) -> None:
        """The thread. A reading that hangs keeps it, and nobody asks for another."""
        while True:
            loop, future = self._asked.get()
            try:
                outcome: T | Exception = self._read()
            except Exception as error:
                outcome = error
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits
                loop.call_soon_threadsafe(_settle, future, outcome)
            del loop, future, outcome  # nothing is kept until the next


def _settle(future: asyncio.Future[T], outcome: T | Exception) -> None:
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
