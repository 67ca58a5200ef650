"""The file of cordoned and drained nodes: a person's orders outlive a restart of the coordinator."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from coordinator.core.cordon import Cordon
from shared.atomic import replaced
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
        self.path = path
        self._clock = clock
        self._wall_clock = wall_clock
        self._alone = threading.Lock()
        self._taken = 0
        self._written = 0

    def read(self) -> list[tuple[NodeId, float | None]]:
        """Node and deadline on the Desk's clock; nothing where there is no file. Blocks for the disk.

        A file that is no such thing is put aside, and told in the log: it never keeps the coordinator from starting.
        """
        try:
            entries = msgspec.json.decode(self.path.read_bytes(), type=_File).cordons
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning("which nodes were cordoned or drained is not known: %s", error)
            return []
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._put_aside(error)
            return []
        ahead = self._clock() - self._wall_clock()
        return [
            (NodeId(name), None if entry.drain_until is None else entry.drain_until + ahead)
            for name, entry in entries.items()
        ]

    def taken(self, cordons: Iterable[Cordon]) -> Callable[[], None]:
        """How they are now, as a function that writes them down: it blocks for the disk, and raises OSError."""
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
                self.path.parent.mkdir(parents=True, exist_ok=True)
                replaced(self.path, content)
                self._written = number

    def _put_aside(self, error: Exception) -> None:
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(self._wall_clock()))
        aside = self.path.with_name(f"{self.path.name}.corrupt-{stamp}")
        try:
            self.path.replace(aside)
        except OSError as failed:
            log.warning(
                "%s is no list of cordons (%s), and cannot be put aside: %s", self.path, error, failed
            )
        else:
            log.warning("%s is no list of cordons (%s): put aside as %s", self.path, error, aside.name)
