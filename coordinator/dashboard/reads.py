"""Questions to latency.db, each in a thread, a few at once, and answers that are kept for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

READS_AT_ONCE = 2

Read = TypeVar("Read")


class Reads:
    """Shared by all that ask.

    The threads are its own. A read that has begun goes on when its caller leaves: among the loop's threads such reads
    would pile up, and names are resolved there, for every call. One that has not begun is given up with its caller.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(READS_AT_ONCE, thread_name_prefix="reads")

    async def __call__(self, read: Callable[[], Read]) -> Read:
        """What `read` gives. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, read)

    def close(self) -> None:
        """No further read begins. Waits for none; those that run are to be told by whom they read from."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Kept(Generic[Read]):
    """One answer, asked for anew once it is `for_s` old or about something else. Others wait meanwhile."""

    def __init__(self, for_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._for_s = for_s
        self._clock = clock
        self._turn = asyncio.Lock()
        self._held: tuple[float, Hashable, Read] | None = None

    async def get(
        self, ask: Callable[[], Awaitable[Read]], *, about: Hashable = None, anew: bool = False
    ) -> Read:
        """`about`: what it depends on beside its age; `anew`: whatever is kept. An error is raised, not kept."""
        async with self._turn:
            held = self._held
            if anew or held is None or held[1] != about or self._clock() - held[0] >= self._for_s:
                held = self._held = (self._clock(), about, await ask())
            return held[2]
