"""What an engine's processes take of the GPUs and of the host's memory. Blocks, but for `Measuring`."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection

import psutil

from agent.loading.claims import Use


def tree(processes: Collection[int]) -> frozenset[int]:
    """These and all below them."""
    found = set(processes)
    for pid in processes:
        with contextlib.suppress(psutil.Error):
            found |= {each.pid for each in psutil.Process(pid).children(recursive=True)}
    return frozenset(found)


def resident_bytes(processes: Collection[int]) -> int:
    """Of all together; a page that two share counts for both."""
    total = 0
    for pid in processes:
        with contextlib.suppress(psutil.Error):
            total += psutil.Process(pid).memory_info().rss
    return total


class Measuring:
    """`vram_of`: bytes by card, of processes; None: no driver knows of them."""

    def __init__(self, vram_of: Callable[[Collection[int]], Awaitable[dict[str, int] | None]]) -> None:
        self._vram_of = vram_of

    async def used(self, processes: Collection[int]) -> Use:
        """By these and all below them."""
        every = await asyncio.to_thread(tree, processes)
        vram, host = await self._vram_of(every), await asyncio.to_thread(resident_bytes, every)
        return Use(vram, host, every if vram else frozenset())
