"""A call's time with an engine: counted, so that who watches the engine knows that it works."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from agent.supervision.progress import Progress

Moved = Callable[[], None]
"""Called when a byte of the answer came."""


def uncounted() -> AbstractAsyncContextManager[Moved]:
    """For an engine that nobody watches."""
    return nullcontext(lambda: None)


@asynccontextmanager
async def counted(progress: Progress) -> AsyncIterator[Moved]:
    """From its beginning to its end, well or not."""
    progress.began(time.monotonic())
    try:
        yield lambda: progress.moved(time.monotonic())
    finally:
        progress.ended(time.monotonic())
