"""One change of who may join after the other, each to its end: else memory and disk would differ."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")
Change = Callable[[], Awaitable[Result]]


class Changes:
    """Owns those that are under way."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._under_way: set[asyncio.Task[Any]] = set()

    async def one(self, change: Change[Result]) -> Result:
        """Waits for its turn; from then on it goes on, whatever becomes of whoever asked for it."""
        await self._turn.acquire()
        return await self._on(self._made(change))

    async def surely(self, change: Change[Result]) -> Result:
        """Goes on also while it waits for its turn. Not for strangers, who come and go without end."""
        return await self._on(self.one(change))

    async def _made(self, change: Change[Result]) -> Result:
        try:
            return await change()
        finally:
            self._turn.release()

    async def _on(self, change: Coroutine[Any, Any, Result]) -> Result:
        task = asyncio.create_task(change)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)
