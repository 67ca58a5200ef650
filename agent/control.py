"""What a person on this machine asks of its agent: a small file in the node's directory, which the agent watches.

A file, and not a socket: it works the same on Linux, macOS and Windows, only the user can write it, it needs no port,
and what it asks for outlives a restart of the agent.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from shared.atomic import replaced

FILE = "control.json"
"""In the node's directory, `nodes/<node_id>/` of the data directory."""
LOOK_EVERY_S = 0.5
"""What is asked is begun within a second."""

log = logging.getLogger("herd-node")


class Drain(Struct, frozen=True, kw_only=True):
    """Take no new calls; let the running ones finish."""

    since: float
    """When it was asked, in seconds since the epoch."""
    deadline_s: float
    """Seconds from then after which what still runs is ended."""

    def left_s(self, now: float) -> float:
        """Seconds until the deadline at `now` (since the epoch). A clock that went back makes it no longer."""
        return min(self.deadline_s, self.since + self.deadline_s - now)


class Pause(Struct, frozen=True, kw_only=True):
    """The owner wants the machine."""

    until: float | None = None
    """Seconds since the epoch; None: until resumed."""


class Control(Struct, frozen=True, kw_only=True):
    """All that is asked; None: not asked."""

    drain: Drain | None = None
    pause: Pause | None = None
    share: Pause | None = None
    """The other way round: the fleet may have the machine, whatever was learned."""
    reload: float | None = None
    """When it was asked that engines.toml be read again, in seconds since the epoch."""


def read(path: Path) -> Control:
    """What the file asks; nothing where there is none. One that makes no sense is told in the log, and asks nothing.

    Raises OSError where it is there and cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Control)
    except FileNotFoundError:
        return Control()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        log.warning("%s cannot be read, so nothing is asked of this agent: %s", path, error)
        return Control()


def write(path: Path, control: Control) -> None:
    """All at once, for the user's eyes only. Raises OSError."""
    replaced(path, msgspec.json.encode(control))


class ControlFile:
    """Reads the file again only when it was replaced, so that a bad one is told once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = Control()
        self._seen: tuple[int, int, int] | None = None
        self._problem = ""

    async def control(self) -> Control:
        """What it asks now; while it cannot be read, what it asked before."""
        try:
            if (now := await asyncio.to_thread(_signature, self._path)) != self._seen:
                self._known, self._seen = await asyncio.to_thread(read, self._path), now
            self._problem = ""
        except OSError as error:
            if self._problem != str(error):
                self._problem = str(error)
                log.warning("%s cannot be read, what it asked before stands: %s", self._path, error)
        return self._known


async def watched(
    file: ControlFile, *looks: Callable[[Control], Awaitable[None]], every_s: float = LOOK_EVERY_S
) -> None:
    """For ever: hands what the file asks to `looks`, again and again, since what is asked may end with time."""
    while True:
        await asyncio.sleep(every_s)
        try:
            control = await file.control()
            for look in looks:
                await look(control)
        except Exception:  # whatever was overlooked must not make the agent deaf: told, and tried again
            log.exception("a fault of ours")


def _signature(path: Path) -> tuple[int, int, int] | None:
    """Changes with the file, which is replaced and never written into; None: there is none. Raises OSError."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)
