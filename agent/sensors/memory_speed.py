"""How fast the host's memory is, measured once where no table knows the chip, and remembered.

Copying is timed on several threads: one thread alone does not keep the memory busy. It counts what is read and what is
written. The figure is lower than a maker's (by a fifth to a half), and higher where all of it fits into the caches of a
large server. It holds for this chip: another one is measured anew. A machine that is busy is left alone until it is
not, since it would seem to be slow for ever.
"""

import contextlib
import ctypes
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
from msgspec import Struct

from agent.sensors.cgroup import memory_left

WORKING_SET_BYTES = 256 * 2**20
"""All that is copied from and to: more than the caches of most machines."""
SPARE_FACTOR = 4
"""So many times the working set must be free, or nothing is measured."""
MOST_THREADS = 8
WINDOW_S = 0.1
WINDOWS = 3
"""The best counts: something else may run meanwhile."""
NICE = 10
IDLE_PCT = 20.0
"""Of all processors together, over IDLE_S: a machine that does more than this is busy."""
IDLE_S = 1.0
LOOK_AGAIN_S = 30.0
MOST_TRIES = 2
"""Where memory is tighter than it seems, a system may kill who takes so much of it; not at each start."""
MOST_GBPS = 100_000.0
FILE = "memory_bandwidth.json"

log = logging.getLogger("herd-node")


class Figure(Struct, frozen=True):
    """What the file holds."""

    chip: str
    gbps: float = 0.0
    """0: not measured."""
    tries: int = 0
    """To measure it that have not ended."""


class MemorySpeed:
    """Measures in threads of its own; `directory` keeps the figure."""

    def __init__(
        self,
        directory: Path,
        measure: Callable[[], float] | None = None,
        busy_pct: Callable[[], float] | None = None,
        look_again_s: float = LOOK_AGAIN_S,
    ) -> None:
        """`busy_pct`: how busy the machine's processors are, 0 to 100; may take a second to find out."""
        self._path = directory / FILE
        self._measure = measure or measured_gbps
        self._busy_pct = busy_pct or (lambda: psutil.cpu_percent(IDLE_S))
        self._look_again_s = look_again_s
        self._thread: threading.Thread | None = None
        self._gbps = 0.0

    def gbps(self, chip: str) -> float:
        """GB/s; 0.0 until it is known. The first call begins to find out. Never waits."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._find_out, args=(chip,), name="memory speed", daemon=True
            )
            self._thread.start()
        return self._gbps

    def _find_out(self, chip: str) -> None:
        known = remembered(self._path, chip)
        self._gbps = known.gbps
        if known.gbps:
            return
        if known.tries >= MOST_TRIES:
            log.info("the speed of the memory is not measured: earlier tries ended this program")
            return
        while self._busy_pct() > IDLE_PCT:
            time.sleep(self._look_again_s)
        self._keep(Figure(chip, tries=known.tries + 1))  # first: whoever is killed notes nothing more
        gbps = self._tried()
        self._gbps = gbps
        if gbps:
            log.info("memory of %s: %.1f GB/s, measured by copying", chip, gbps)
        self._keep(Figure(chip, gbps) if gbps else known)

    def _tried(self) -> float:
        try:
            gbps = round(self._measure(), 1)
        except (MemoryError, OSError, RuntimeError) as error:
            log.warning("the speed of the memory cannot be measured: %s", error)
            return 0.0
        return gbps if 0 < gbps <= MOST_GBPS else 0.0

    def _keep(self, figure: Figure) -> None:
        try:
            self._path.write_bytes(msgspec.json.encode(figure))
        except OSError as error:
            log.warning("the speed of the memory is not remembered: %s", error)


def remembered(path: Path, chip: str) -> Figure:
    """What is known of this chip."""
    try:
        figure = msgspec.json.decode(path.read_bytes(), type=Figure)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Figure(chip)
    fits = figure.chip == chip and 0 <= figure.gbps <= MOST_GBPS
    return figure if fits else Figure(chip)


def threads_for(cores: int, available_bytes: int) -> int:
    """How many copy at once; 0: memory is too short to measure anything."""
    if available_bytes < SPARE_FACTOR * WORKING_SET_BYTES:
        return 0
    return max(1, min(cores, MOST_THREADS))


def measured_gbps() -> float:
    """Of this machine, in well under a second; 0.0 where its memory is too short. Blocks."""
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    threads = threads_for(cores, available_bytes(memory_left()))
    return best_of_copying(threads, WORKING_SET_BYTES // (2 * threads)) if threads else 0.0


def available_bytes(group_left: int | None) -> int:
    """What this process may still take: of the host's memory, and within its control group (None: no limit)."""
    host = int(psutil.virtual_memory().available)
    return host if group_left is None else min(host, group_left)


def best_of_copying(threads: int, block_bytes: int, window_s: float = WINDOW_S) -> float:
    """GB/s, read and written together, of so many threads that each copy a block of their own again and again.

    Raises MemoryError.
    """
    moved, stopping = [0] * threads, threading.Event()
    filled = threading.Barrier(threads + 1)

    def copy(index: int) -> None:
        _step_back()
        try:
            source, target = (_written(block_bytes) for _ in range(2))
            filled.wait()
        except (MemoryError, threading.BrokenBarrierError):
            filled.abort()
            return
        while not stopping.is_set():
            ctypes.memmove(target, source, block_bytes)  # others run meanwhile: it needs no interpreter
            moved[index] += 2 * block_bytes

    copiers = [threading.Thread(target=copy, args=(index,), daemon=True) for index in range(threads)]
    for copier in copiers:
        copier.start()
    try:
        filled.wait()
        return max(_window(moved, window_s) for _ in range(WINDOWS))
    except threading.BrokenBarrierError as error:
        raise MemoryError(f"no room to copy {threads} blocks of {block_bytes} bytes") from error
    finally:
        stopping.set()
        for copier in copiers:
            copier.join()


def _written(size: int) -> ctypes.Array[ctypes.c_char]:
    """Memory that was never written may not be there yet."""
    block = ctypes.create_string_buffer(size)
    ctypes.memset(block, 1, size)
    return block


def _window(moved: list[int], window_s: float) -> float:
    before, began = sum(moved), time.perf_counter()
    time.sleep(window_s)
    return (sum(moved) - before) / (time.perf_counter() - began) / 1e9


def _step_back() -> None:
    """Whatever else this machine does goes first. Only on Linux a thread has a priority of its own."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
