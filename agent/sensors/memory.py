"""Host memory: how much, and how tight it is."""

import re
import warnings
from pathlib import Path
from typing import NamedTuple

import psutil

from agent.sensors.bounds import count
from shared.wire import Memory

CRITICAL_PCT, WARN_PCT, LAST_PCT = 95.0, 85.0, 99.0
"""Memory in use from which pressure is critical, or a warning; and from which it is critical whoever waits."""
NOBODY_WAITS_PCT, EVERYBODY_WAITS_PCT = 1.0, 10.0
"""Stalls of the last ten seconds: below the first (some) memory is well used, from the second (full) it thrashes."""
STALLS = Path("/proc/pressure/memory")
AVERAGE = re.compile(r"^(some|full) avg10=([0-9.]+) ", re.MULTILINE)


class Stalls(NamedTuple):
    """Per cent of the last ten seconds in which some, or all, tasks waited for memory."""

    some: float
    full: float


def memory(path: Path = STALLS) -> Memory:
    """Bytes and pressure of this moment."""
    host = psutil.virtual_memory()
    swap_total, swap_used = _swap()
    return Memory(
        total_bytes=host.total,
        available_bytes=min(host.available, host.total),
        pressure=pressure(host.percent, stalls(path)),
        swap_total_bytes=swap_total,
        swap_used_bytes=swap_used,
    )


def pressure(used_pct: float, waiting: Stalls | None = None) -> str:
    """normal, warn or critical; by the percentage alone where the kernel does not tell who waits.

    A machine whose memory is full of resident models is not in distress as long as nobody waits for a page.
    """
    if used_pct < WARN_PCT:
        return "normal"
    if used_pct >= LAST_PCT or (waiting is not None and waiting.full >= EVERYBODY_WAITS_PCT):
        return "critical"
    calm = waiting is not None and waiting.some < NOBODY_WAITS_PCT
    return "critical" if used_pct >= CRITICAL_PCT and not calm else "warn"


def stalls(path: Path = STALLS) -> Stalls | None:
    """What Linux tells; None elsewhere, and where it is turned off."""
    try:
        averages = dict(AVERAGE.findall(path.read_text()))
        return Stalls(float(averages["some"]), float(averages["full"]))
    except (OSError, KeyError, ValueError):
        return None


def _swap() -> tuple[int, int]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # psutil warns where a container hides how much was swapped
            swap = psutil.swap_memory()
    except (OSError, RuntimeError):
        return 0, 0
    return count(swap.total) or 0, count(swap.used) or 0
