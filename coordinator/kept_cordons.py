"""The file of cordoned and drained nodes: a person's orders outlive a restart of the coordinator."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from coordinator.core.cordon import Cordon
from coordinator.kept_file import KeptFile
from shared.names import NodeId

log = logging.getLogger("herd.cordons")


class _Entry(Struct, frozen=True):
    drain_until: float | None = None
    """Seconds since the epoch; null: cordoned only."""


class _File(Struct, frozen=True):
    cordons: dict[str, _Entry]


class KeptCordons:
    """`clock` is the Desk's; the file has times of the calendar, since the Desk's clock starts anew."""

    def __init__(
        self, path: Path, clock: Callable[[], float], wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._file = KeptFile(path, _File, log)
        self._clock = clock
        self._wall_clock = wall_clock
        self._alone = threading.Lock()
        self._taken = 0
        self._written = 0

    def read(self) -> list[tuple[NodeId, float | None]]:
        """Node and deadline on the Desk's clock; nothing where there is no file, or none that can be read.

        Blocks for the disk. A file that cannot be read never keeps the coordinator from starting.
        """
        known = self._file.read()
        if known is None:
            return []
        ahead = self._clock() - self._wall_clock()
        return [
            (NodeId(name), None if entry.drain_until is None else entry.drain_until + ahead)
            for name, entry in known.cordons.items()
        ]

    def taken(self, cordons: Iterable[Cordon]) -> Callable[[], None]:
        """How they are now, as a function that writes them down: it blocks for the disk, and raises NotKept."""
        self._taken += 1
        number = self._taken
        ahead = self._wall_clock() - self._clock()
        content = msgspec.json.encode(
            _File(
                {
                    each.node_id: _Entry(None if each.deadline is None else each.deadline + ahead)
                    for each in cordons
                }
            )
        )
        return lambda: self._write(number, content)

    def _write(self, number: int, content: bytes) -> None:
        """In a thread each: what was taken later stays, whichever comes first."""
        with self._alone:
            if number > self._written:
                self._file.write(content)
                self._written = number
