"""Whether a second engine has room beside the first for as long as a swap takes. Decides only; readings come in."""

from collections.abc import Iterable, Sequence

import psutil

from shared.wire import Gpu, Memory

KEPT_FREE = 0.1
"""Of the memory, also while both run."""
OVERHEAD = 1.1
"""On what the files or the old one take."""


def needed(file_bytes: int, resident_bytes: int) -> int:
    """Bytes that the new one may take: it is no smaller than its files, and likely as large as the one that runs."""
    return int(max(file_bytes, resident_bytes) * OVERHEAD)


def has_room(wanted_bytes: int, memory: Memory, gpus: Sequence[Gpu]) -> bool:
    """In the host's memory and, where there are cards with memory of their own, in theirs, too: which of the two an
    engine takes is its own choice. What the host does not tell is taken for enough.
    """
    host = memory.available_bytes - KEPT_FREE * memory.total_bytes
    if memory.total_bytes and wanted_bytes > host:
        return False
    cards = [each for each in gpus if each.vram_total_bytes]
    free = sum(each.vram_free_bytes - KEPT_FREE * each.vram_total_bytes for each in cards)
    return not cards or wanted_bytes <= free


def resident(pids: Iterable[int]) -> int:
    """Bytes of these processes and their children. Blocks."""
    total = 0
    for pid in pids:
        try:
            leader = psutil.Process(pid)
            total += sum(each.memory_info().rss for each in (leader, *leader.children(recursive=True)))
        except psutil.Error:
            continue
    return total
