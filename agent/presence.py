"""Which agent runs in a node's directory, and how its drain stands: a small file that it leaves for verbs to read."""

import os
from pathlib import Path

import msgspec
import psutil
from msgspec import Struct

from shared.atomic import replaced

FILE = "agent.json"
SAME_START_S = 1.0
"""Two readings of a process's start may differ by less than this."""


class Presence(Struct, frozen=True, kw_only=True):
    """What a running agent tells of itself."""

    pid: int
    started: float
    """Of the process, in seconds since the epoch: numbers of processes are used again."""
    drained_since: float | None = None
    """The order that is being carried out, by its time; None: it takes calls."""
    running: int = 0
    """Calls, while it drains."""
    cut: int = 0
    """Streams that the deadline of this drain broke off: what else it ended may be had elsewhere."""


def own() -> Presence:
    """Of this process."""
    return Presence(pid=os.getpid(), started=psutil.Process().create_time())


def tell(directory: Path, presence: Presence) -> None:
    """Leaves the file. Blocks for the disk. Raises OSError."""
    replaced(directory / FILE, msgspec.json.encode(presence))


def found(directory: Path) -> Presence | None:
    """The agent that runs there now; None: none does. What a killed one left behind is not believed."""
    try:
        told = msgspec.json.decode((directory / FILE).read_bytes(), type=Presence)
        alive = abs(psutil.Process(told.pid).create_time() - told.started) < SAME_START_S
    except (OSError, ValueError, RecursionError, psutil.Error):  # msgspec's errors are ValueErrors
        return None
    return told if alive else None
