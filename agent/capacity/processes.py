"""Who uses the processors: the agent and what it started, engines that were found, everybody. May block."""

import contextlib
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import NamedTuple

import psutil

from agent.capacity.owner import Process, Snapshot

ENGINES = "ollama"
"""How the names of found engines' processes begin, on every system."""
FLEETS = frozenset({"herd", "herd-node"})
"""A coordinator or another agent on this machine."""
AFRESH_S = 60.0
"""A process seen before is not asked again for its name and parent, but all are after so long."""
TRIES = 3
"""Processes may end while they are being read."""


class _Seen(NamedTuple):
    parent: int
    name: str


class Processes:
    """`engine_port`: where an engine listens on this machine that was only found; None: there is none.

    `adopted`: processes of engines that an agent before this one started; they are not below it.
    """

    def __init__(self, engine_port: int | None, adopted: Callable[[], Iterable[int]] = tuple) -> None:
        self._engine_port = engine_port
        self._adopted = adopted
        self._seen: dict[int, _Seen] = {}
        self._listeners: set[int] = set()
        self._afresh_at = 0.0

    def look(self) -> Snapshot:
        """Of this moment."""
        self._discover()
        fleets = {number for number, seen in self._seen.items() if seen.name in FLEETS}
        own = self._tree({os.getpid(), *self._adopted()} | fleets)
        engines = self._tree(self._engine_roots()) - own
        total_ms, busy_ms = _processors()
        return Snapshot(time.time(), total_ms, busy_ms, _times(own)[0], self._engine_times(engines))

    def _engine_times(self, engines: set[int]) -> dict[Process, int] | None:
        """None where there should be some, and none or not all can be read."""
        if self._engine_port is None:
            return {}
        times, denied = _times(engines)
        return times if times and not denied else None

    def _engine_roots(self) -> set[int]:
        if self._engine_port is None:
            return set()
        return {number for number, seen in self._seen.items() if seen.name.startswith(ENGINES)} or (
            self._listeners & self._seen.keys()
        )

    def _discover(self) -> None:
        now = time.monotonic()
        afresh = now >= self._afresh_at
        if afresh:
            self._seen.clear()
            self._afresh_at = now + AFRESH_S
        numbers = set(psutil.pids())
        for gone in self._seen.keys() - numbers:
            del self._seen[gone]
        for number in numbers - self._seen.keys():
            with contextlib.suppress(psutil.Error, OSError):
                process = psutil.Process(number)
                with process.oneshot():
                    self._seen[number] = _Seen(process.ppid(), _named(process))
        if afresh and self._engine_port is not None and not self._engine_roots():
            self._listeners = _listening(self._engine_port)

    def _tree(self, roots: Iterable[int]) -> set[int]:
        below: defaultdict[int, list[int]] = defaultdict(list)
        for number, seen in self._seen.items():
            below[seen.parent].append(number)
        found: set[int] = set()
        waiting = list(roots)
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                waiting += below[number]
        return found


def _named(process: psutil.Process) -> str:
    """In small letters; that of the script, where Python runs one and the system calls it after Python."""
    name = _plain(process.name())
    if name.startswith("python"):
        with contextlib.suppress(psutil.AccessDenied, OSError):
            script = _plain(PurePath([*process.cmdline(), "", ""][1]).name)
            return script if script in FLEETS else name
    return name


def _plain(name: str) -> str:
    return name.lower().removesuffix(".exe")


def _processors() -> tuple[int, int]:
    """All their time and the busy part, in ms. What a hypervisor took away is neither."""
    told = psutil.cpu_times()._asdict()
    counted_twice = told.get("guest", 0.0) + told.get("guest_nice", 0.0)
    total = sum(told.values()) - counted_twice - told.get("steal", 0.0)
    return _ms(total), _ms(total - told["idle"] - told.get("iowait", 0.0))


def _times(numbers: set[int]) -> tuple[dict[Process, int], bool]:
    """Of each, with its children that have ended; and whether some may not be read."""
    for _ in range(TRIES):
        times, denied = {}, False
        try:
            for number in numbers:
                try:
                    times[_identity(number)] = _taken_ms(number)
                except (psutil.AccessDenied, OSError):
                    denied = True
        except psutil.NoSuchProcess as error:
            numbers = numbers - {error.pid}  # its parent has its figure now, and may have been read before
            continue
        return times, denied
    return {}, False


def _identity(number: int) -> Process:
    return number, psutil.Process(number).create_time()


def _taken_ms(number: int) -> int:
    told = psutil.Process(number).cpu_times()
    return _ms(told.user + told.system + told.children_user + told.children_system)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _listening(port: int) -> set[int]:
    """Who listens there, as far as this user may know."""
    try:
        found = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return set()
    return {
        each.pid
        for each in found
        if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port and each.pid
    }
