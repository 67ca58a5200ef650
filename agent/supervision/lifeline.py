"""A worker's standard input as a named pipe, so that another agent can take hold of the other end.

The worker sees its input end when the agent is gone, and go on when the next agent opens the pipe. The kernel tells
both; nobody has to write.
"""

import os
import sys
from pathlib import Path


def possible() -> bool:
    """Not on Windows."""
    return sys.platform != "win32"


def laid(path: Path) -> tuple[int, int] | None:
    """A new pipe: the descriptors of the worker's end and of the agent's.

    None where the file system has no pipes: then a plain one has to do, which nobody can take up.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # a worker of before may hold the old one
        os.mkfifo(path, 0o600)
    except OSError:
        return None
    theirs = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    ours = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    os.set_blocking(theirs, True)
    return theirs, ours


def taken_up(path: Path) -> int | None:
    """The agent's end of a pipe that a worker holds; None: no worker does."""
    try:
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None
