"""From whoever must never wait to a thread that works: things are put one by one and taken many at a time."""

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

HELD = 4
"""Things for which a thread that goes through a batch keeps the interpreter's lock."""


class Batches(Generic[T]):
    """Any thread may put, one takes. The taker is woken once for each batch, not for each thing: a thread that wakes
    takes the interpreter's lock from the one that put, which then waits for it in the midst of its next call.
    """

    def __init__(self, limit: int, batch: int, gather_s: float) -> None:
        """`limit`: things that may lie here. A batch has at most `batch`, and waits `gather_s` seconds for its last."""
        self._things: deque[T] = deque()
        self._limit = limit
        self._batch = batch
        self._gather_s = gather_s
        self._some = threading.Event()
        self._hurry = threading.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._things)

    def put(self, thing: T) -> bool:
        """Never waits. False: there is no room, it is not taken."""
        things = self._things
        if len(things) >= self._limit:
            return False
        things.append(thing)
        if not self._some.is_set():
            self._some.set()
        elif len(things) == self._batch:
            self._hurry.set()
        return True

    def hurry(self) -> None:
        """Whoever takes is to come back at once, with nothing if need be."""
        self._hurry.set()
        self._some.set()

    def close(self) -> None:
        """Nothing is waited for from now on; what lies here can still be taken."""
        self._closed = True
        self.hurry()

    def take(self, timeout_s: float | None) -> list[T]:
        """The next batch, in the order in which they were put; empty where none came in time, or there is a hurry."""
        if not self._closed:
            self._some.wait(timeout_s)
            if self._things:
                self._hurry.wait(self._gather_s)
        # Cleared before looking: what is put from here on sets it again, and what was put before is seen.
        self._hurry.clear()
        self._some.clear()
        things = self._things
        batch = [things.popleft() for _ in range(min(len(things), self._batch))]
        if things:
            self._some.set()
            if len(things) >= self._batch:
                self._hurry.set()
        return batch


def giving_way(things: Iterable[T]) -> Iterator[T]:
    """The same, with moments between in which another thread goes on: it would else stand still for 5 ms
    (`sys.getswitchinterval`) at each of its sends, as long as the batch lasts.
    """
    for at, thing in enumerate(things):
        if at % HELD == 0:
            time.sleep(0)
        yield thing
