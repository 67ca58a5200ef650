"""One process of an engine from its start, or from where it was found, to its end and the sweeping after it."""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

import aiohttp
from msgspec import Struct

from agent.supervision import identity, leftovers, tree
from agent.supervision.engine_log import EngineLog
from agent.supervision.evidence import Evidence, Patience, ProcessState, Verdict, verdict
from agent.supervision.identity import Identity
from agent.supervision.kinds import Doing
from agent.supervision.launch import Launch, ReadyLine, Rung
from agent.supervision.process import Adopted, Child, Process, kernel_kills, spawned
from agent.supervision.progress import Progress
from agent.supervision.readiness import Ready, answering, line_of, status_of, taken
from shared.serving import cancelled

WATCH_S = 0.25
"""Between looks at the process's state; probes are rarer."""
REAP_S = 5.0
"""For the exit status of a process that is gone."""

KERNEL_S = 2.0
"""The kernel's counter of killed processes and the log's length are read so often. A kill so long before the end, or up
to twice as long, may be its cause.
"""

T = TypeVar("T")

log = logging.getLogger("herd-node.supervisor")


class End(Struct, frozen=True, kw_only=True):
    """How it ended."""

    code: int | None
    """Exit status, or minus the signal; None: not known, or there was no process."""
    doing: Doing
    lived_s: float
    lines: list[str]
    """Of its log."""
    kernel_killed: bool = False
    unkillable: list[int] = []
    """Processes that even SIGKILL did not end: a new engine must not be started beside them."""


class Surroundings(NamedTuple):
    """What the lives of one engine have in common."""

    name: str
    log: EngineLog
    identity_file: Path
    session: aiohttp.ClientSession
    patience: Patience
    progress: Progress
    stopping: asyncio.Event
    may_climb: Callable[[], bool]
    """Whether it should end, at a moment without calls, so that the rung above is tried."""


class Life:
    """Begun by `start` or `adopt`; then `until_ready`, `until_its_end`, and `end` in every case."""

    def __init__(self, launch: Launch, rung: Rung, around: Surroundings) -> None:
        self.ready: Ready | None = None
        self.doing = Doing.LOADING
        self._launch, self._rung, self._around = launch, rung, around
        self._process: Process | None = None
        self._draining: asyncio.Task[None] | None = None
        self._began = time.monotonic()
        self._kills_before = self._kills_later = kernel_kills()
        self._kills_at = self._began
        self._silent_since: float | None = None
        self._stopped_since: float | None = None
        self._misses = 0

    @property
    def pid(self) -> int | None:
        """Of its process, once there is one."""
        return self._process.pid if self._process else None

    def placed(self, launch: Launch) -> None:
        """Before the start: what it is started with instead."""
        self._launch = launch

    async def start(self) -> None:
        """Raises OSError and ValueError."""
        around = self._around
        if taken(self._launch.port):
            raise OSError(f"port {self._launch.port}: address already in use")
        pipe = around.identity_file.with_suffix(".pipe")
        self._process = await spawned(self._launch, around.log, around.name, pipe)
        await self._write(self._process)

    async def adopt(self, found: Identity, held: int | None) -> None:
        """A process that was ready when its agent ended. `held`: the agent's end of its lifeline."""
        self._process = Adopted(found, held)
        self.ready = Ready(found.address, found.pid, found.engine_version)
        self.doing = Doing.SERVING
        await self._write(self._process)

    async def until_ready(self) -> bool:
        """False: it ended, it took too long, or a stop was asked for. Raises ValueError for nonsense on its output."""
        process = self._process
        assert isinstance(process, Child)  # noqa: S101 - who is adopted is ready
        try:
            async with asyncio.timeout(self._launch.ready_timeout_s):
                self.ready = await unless(self._around.stopping, self._readiness(process))
        except TimeoutError:
            self.doing = Doing.TOO_SLOW
        if self.ready is None:
            return False
        self.doing = Doing.SERVING
        await self._write(process)
        return True

    async def until_its_end(self) -> None:
        """Or until it is found wedged, may climb, or a stop is asked for: then it still lives."""
        process = self._process
        assert process is not None  # noqa: S101 - it is ready
        ended = asyncio.create_task(process.wait(), name=f"end-{self._around.name}")
        stopping = asyncio.create_task(self._around.stopping.wait(), name=f"stop-{self._around.name}")
        probing = asyncio.create_task(self._probe(), name=f"probes-{self._around.name}")
        try:
            while True:
                await asyncio.wait({ended, stopping}, timeout=WATCH_S, return_when="FIRST_COMPLETED")
                if ended.done() or stopping.done():
                    return
                await self._look_after()
                if self._verdict(process) is Verdict.WEDGED:
                    self.doing = Doing.WEDGED
                    return
                if not self._around.progress.open and self._around.may_climb():
                    self.doing = Doing.CLIMBING
                    return
        finally:
            await cancelled(ended, stopping, probing)

    async def end(self) -> End:
        """Ends what lives of the tree, politely where that can help; sweeps what it left."""
        self.ready = None
        process = self._process
        if process is None:
            return self._told(None, [])
        lived_s = time.monotonic() - self._began
        whole = (process.pid, process.mark, process.started)
        pids = [each.pid for each in await asyncio.to_thread(tree.members, *whole)]
        if process.state() is ProcessState.RUNNING and self.doing not in (Doing.WEDGED, Doing.TOO_SLOW):
            tree.send(process.pid, self._launch.polite_signal)
            await within(self._launch.stop_grace_s, process.wait())
        others, unkillable = await asyncio.to_thread(tree.kill_members, *whole)
        pids += others
        code = None if unkillable else await within(REAP_S, process.wait())
        process.release()
        if self._draining is not None:
            await cancelled(self._draining)
        await asyncio.to_thread(
            leftovers.swept, self._launch.leftovers, pids, self._launch.port, process.started
        )
        self._around.identity_file.unlink(missing_ok=True)
        return self._told(code, unkillable, lived_s)

    def _told(self, code: int | None, unkillable: list[int], lived_s: float = 0.0) -> End:
        try:
            lines = self._around.log.last_lines() if self._process else []
        except OSError as error:
            lines = [f"its log cannot be read: {error}"]
        return End(
            code=code,
            doing=self.doing,
            lived_s=lived_s,
            lines=lines,
            kernel_killed=kernel_kills() > self._kills_before,
            unkillable=unkillable,
        )

    async def _readiness(self, process: Child) -> Ready | None:
        if not isinstance(self._launch.ready, ReadyLine):
            lives = lambda: process.state() is not ProcessState.GONE  # noqa: E731
            return await answering(self._around.session, self._launch, process.pid, lives)
        output = process.process.stdout
        assert output is not None  # noqa: S101 - a pipe was asked for
        ready = await line_of(output)
        self._draining = asyncio.create_task(drained(output), name=f"output-{self._around.name}")
        return ready

    def _verdict(self, process: Process) -> Verdict:
        now, state = time.monotonic(), process.state()
        if state is not ProcessState.STOPPED:
            self._stopped_since = None
        elif self._stopped_since is None:
            self._stopped_since = now
        evidence = Evidence(
            process=state,
            stopped_since=self._stopped_since,
            silent_since=self._silent_since,
            misses=self._misses,
            open_calls=self._around.progress.open,
            moved_at=self._around.progress.moved_at,
        )
        return verdict(evidence, self._around.patience, now)

    async def _probe(self) -> None:
        patience = self._around.patience
        path = self._launch.ready.health
        while path and self.ready is not None:
            await asyncio.sleep(patience.probe_every_s)
            if self._around.progress.open and not patience.answers_while_busy:
                continue
            began = time.monotonic()
            url = self.ready.address + path
            status = await status_of(self._around.session, url, patience.probe_timeout_s)
            if status is not None and status < 500:
                self._silent_since, self._misses = None, 0
            else:
                self._silent_since = self._silent_since or began
                self._misses += 1

    async def _look_after(self) -> None:
        """The log's length; and the kernel's counter, so that a kill of last week is not taken for the cause."""
        if time.monotonic() - self._kills_at >= KERNEL_S:
            self._kills_before, self._kills_later = self._kills_later, kernel_kills()
            self._kills_at = time.monotonic()
            await asyncio.to_thread(self._turn_log_over)

    def _turn_log_over(self) -> None:
        with contextlib.suppress(OSError):
            self._around.log.turn_over()

    async def _write(self, process: Process) -> None:
        """Who it is, for the next agent. A full disk is no reason to serve nobody."""
        port = urlsplit(self.ready.address).port if self.ready else self._launch.port
        who = Identity(
            name=self._around.name,
            pid=process.pid,
            started=process.started,
            command=self._launch.command,
            placed=self._launch.placed,
            mark=process.mark,
            rung=self._rung,
            owner=os.getpid(),
            owner_started=identity.own_start(),
            address=self.ready.address if self.ready else "",
            port=port,
            engine_version=self.ready.engine_version if self.ready else "",
            version=self._launch.version,
        )
        try:
            await asyncio.to_thread(identity.written, self._around.identity_file, who)
        except OSError as error:
            log.warning("%s could not be adopted by a next agent: %s", who.name, error)


async def unless(stopping: asyncio.Event, work: Coroutine[None, None, T]) -> T | None:
    """What `work` gives; None where a stop was asked for before."""
    working = asyncio.create_task(work)
    waiting = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        await cancelled(waiting, working)


async def within(seconds: float, work: Coroutine[None, None, T]) -> T | None:
    """What `work` gives, if it does so in time."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        return None


async def drained(output: asyncio.StreamReader) -> None:
    """Nobody reads what comes after the line, and a full pipe would stop the engine."""
    while await output.read(65_536):
        pass
