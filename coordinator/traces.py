"""TraceStore: rows of finished calls, written in batches by one thread. No call ever waits for it."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from msgspec.structs import replace

from coordinator import trace_tables
from coordinator.journal import Trace
from shared.batches import Batches

QUEUE_LIMIT = 10_000
"""Traces that wait for the writer; beyond it new ones are dropped and counted."""
DECISIONS_QUEUED = 2_000
"""Beyond it, traces wait without their decisions: these are large."""
BATCH_ROWS = 1_000
BATCH_S = 0.2
"""Seconds that a trace waits for more, so that it is in the file within 0.3."""
BUSY_S = 1.0
"""SQLite's own patience with a lock, at each try."""
LOCKED_TRIES = 20
OTHER_TRIES = 3
PAUSE_S = 0.5
"""Between tries."""
WARN_EVERY_S = 60.0
CHECK_EVERY_S = 60.0
"""Reading all of a large file takes seconds."""
ASIDE_EVERY_S = 60.0
"""A disk that spoils every new file must not be filled with spoilt ones."""
PRUNE_EVERY_S = 3600.0
PRUNE_ROWS = 2_000
DAY_S = 86_400.0

log = logging.getLogger("herd.traces")


class StoreStatus(TypedDict):
    """For people: how the store does."""

    path: str
    written: int
    dropped: int
    queued: int
    error: str


class TraceStore:
    """Give it traces from one thread (the event loop); read the file through TraceReader."""

    def __init__(
        self,
        path: Path,
        retention_days: float,
        open_database: Callable[[Path, float], sqlite3.Connection] = trace_tables.opened,
        queue_limit: int = QUEUE_LIMIT,
        *,
        decision_days: float = 7,
    ) -> None:
        """Rows older than `retention_days` are deleted, decisions older than `decision_days`; 0 keeps all."""
        self.path = path
        self._retention_s = retention_days * DAY_S
        self._decisions_s = decision_days * DAY_S
        self._open = open_database
        self._queue: Batches[Trace] = Batches(queue_limit, BATCH_ROWS, BATCH_S)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._database: sqlite3.Connection | None = None
        self._written = 0
        self._refused = 0
        """Dropped by the event loop: the queue was full."""
        self._lost = 0
        """Dropped by the writer: the file did not take them."""
        self._error = ""
        self._suspected = threading.Event()
        self._next_check = 0.0
        self._next_aside = 0.0
        self._next_warning = 0.0
        self._next_prune = 0.0

    def start(self) -> None:
        """The thread opens the file; a file that cannot be opened stops nobody."""
        self._thread.start()

    def record(self, trace: Trace) -> None:
        """Never waits."""
        if trace.decision is not None and len(self._queue) >= DECISIONS_QUEUED:
            trace = replace(trace, decision=None)
        if not self._queue.put(trace):
            self._refused += 1
            if time.monotonic() >= self._next_warning:
                self._next_warning = time.monotonic() + WARN_EVERY_S
                log.warning("traces dropped, the writer is behind: %d so far", self.dropped)

    @property
    def dropped(self) -> int:
        """Traces that are in no file."""
        return self._refused + self._lost

    def store_status(self) -> StoreStatus:
        """As it is now; `error` is what the last try said, empty while all is well."""
        return {
            "path": str(self.path),
            "written": self._written,
            "dropped": self.dropped,
            "queued": len(self._queue),
            "error": self._error,
        }

    def suspect(self) -> None:
        """Somebody who reads the file found it corrupt: the writer looks for itself, at all of it. From any thread."""
        self._suspected.set()
        self._queue.hurry()

    def close(self, within_s: float) -> None:
        """Writes what is queued, as far as it gets within that time."""
        self._closing.set()
        self._queue.close()
        self._thread.join(within_s)
        if self._thread.is_alive() or self.dropped:
            log.warning("traces not written: %d dropped, %d queued", self.dropped, len(self._queue))

    # In the thread

    def _run(self) -> None:
        while not (self._closing.is_set() and not self._queue):
            self._prune_if_due()
            self._check_if_suspected()
            if batch := self._queue.take(max(0.0, self._next_prune - time.monotonic())):
                self._write(batch)
        self._let_go()

    def _write(self, batch: list[Trace]) -> None:
        tries = 0
        while True:
            tries += 1
            error = self._tried(lambda database: trace_tables.insert(database, batch))
            if error is None:
                self._written += len(batch)
                return
            if self._closing.is_set() or tries >= (LOCKED_TRIES if _is_lock(error) else OTHER_TRIES):
                break
            self._closing.wait(PAUSE_S)
        self._lost += len(batch)
        log.warning("%d traces dropped: %s", len(batch), error)

    def _prune_if_due(self) -> None:
        """The first time also opens the file."""
        if time.monotonic() >= self._next_prune:
            self._next_prune = time.monotonic() + PRUNE_EVERY_S
            self._tried(self._prune)

    def _prune(self, database: sqlite3.Connection) -> None:
        """Some rows; with more to delete, traces that came meanwhile have their turn first."""
        now, more = time.time(), False
        if self._retention_s:
            more = trace_tables.prune(database, now - self._retention_s, PRUNE_ROWS)
        if self._decisions_s:
            more |= trace_tables.forget_decisions(database, now - self._decisions_s, PRUNE_ROWS)
        if more:
            self._next_prune = time.monotonic() + BATCH_S

    def _check_if_suspected(self) -> None:
        if self._suspected.is_set() and time.monotonic() >= self._next_check:
            self._suspected.clear()
            self._next_check = time.monotonic() + CHECK_EVERY_S
            self._let_go()
            self._tried(trace_tables.check)

    def _tried(self, work: Callable[[sqlite3.Connection], None]) -> Exception | None:
        """What went wrong, if anything did; the next try then opens the file anew."""
        at_once = self._database is None
        try:
            if self._database is None:
                self._database = self._open(self.path, BUSY_S)
            work(self._database)
        except Exception as error:
            text = f"{self.path.name}: {error}"
            if text != self._error:
                log.warning("traces cannot be written now: %s", text)
            self._error = text
            self._let_go()
            # Only a file that is corrupt as soon as it is opened: an older connection may hold one that has gone.
            if at_once and trace_tables.is_corrupt(error) and self._moved_aside():
                return self._tried(work)
            return error
        self._error = ""
        return None

    def _moved_aside(self) -> bool:
        """Whether the corrupt file is out of the way, so that a new one can be begun."""
        if time.monotonic() < self._next_aside:
            return False
        self._next_aside = time.monotonic() + ASIDE_EVERY_S
        try:
            aside = trace_tables.put_aside(self.path, time.strftime("%Y%m%d-%H%M%S", time.gmtime()))
        except OSError as error:
            log.warning("%s is corrupt and cannot be moved aside: %s", self.path.name, error)
            return False
        log.warning("%s is corrupt: moved aside to %s, a new one is begun", self.path.name, aside)
        return True

    def _let_go(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()


def _is_lock(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
