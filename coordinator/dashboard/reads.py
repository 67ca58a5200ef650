"""Questions to latency.db, each in a thread, a few at once, and answers that are kept for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

READS_AT_ONCE = 2
"""The threads are few, and the resolver of names needs them as well."""

Read = TypeVar("Read")


class Reads:
    """Shared by all that ask."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(READS_AT_ONCE)

    async def __call__(self, read: Callable[[], Read]) -> Read:
        """What `read` gives. Raises what it raises."""
        async with self._turns:
            return await asyncio.to_thread(read)


class Kept(Generic[Read]):
    """One answer, asked for anew once it is `for_s` old. Who comes meanwhile waits for the same."""

    def __init__(self, for_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._for_s = for_s
        self._clock = clock
        self._turn = asyncio.Lock()
        self._held: tuple[float, Read] | None = None

    async def get(self, ask: Callable[[], Awaitable[Read]], *, anew: bool = False) -> Read:
        """`anew`: whatever is kept. An error is raised, not kept."""
        async with self._turn:
            if anew or self._held is None or self._clock() - self._held[0] >= self._for_s:
                self._held = (self._clock(), await ask())
            return self._held[1]
