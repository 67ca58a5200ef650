"""One engine's process tree: adopted or started, watched, started again in a form that works, stopped."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp

from agent.backoff import QUARANTINE_S, Restarts
from agent.supervision.admission import Admission, NotAdmitted, Unasked
from agent.supervision.adoption import Found, found_engine
from agent.supervision.engine_log import EngineLog, workers_word
from agent.supervision.events import INSTEAD, Event, Events
from agent.supervision.evidence import Patience, ProcessState
from agent.supervision.kinds import Doing, Finding, Kind, classified, signal_of
from agent.supervision.ladder import Exit, Step, climbed, nearest, next_step
from agent.supervision.launch import Launch, Rung
from agent.supervision.life import End, Life, Surroundings, unless
from agent.supervision.progress import Progress
from agent.supervision.readiness import Ready
from agent.supervision.rungs_file import Known, RungsFile
from agent.supervision.tree import state

MOST_EXITS = 16
"""Remembered for the ladder."""
CANNOT_START = 127
"""In place of an exit status, as a shell tells it."""
MEMORY_RETURN_S, MEMORY_LOOK_S = 20.0, 0.25
"""So long the memory of an engine that ended may take to be free again, and between looks."""
OTHERS_S = 5.0
"""Between looks whether the agent that owns the engine is gone."""

log = logging.getLogger("herd-node.supervisor")


class Supervisor:
    """Owns one process tree at a time; keeps it running from `start` to `stop`."""

    def __init__(
        self,
        name: str,
        launch: Callable[[Rung], Launch],
        directory: Path,
        session: aiohttp.ClientSession,
        *,
        model: str = "",
        rungs: Sequence[Rung] = (Rung.AS_IT_WAS,),
        patience: Patience | None = None,
        progress: Progress | None = None,
        quarantine_s: float = QUARANTINE_S,
        memory_returned: Callable[[], Awaitable[bool]] | None = None,
        admission: Admission | None = None,
        events: Events | None = None,
        place: str = "",
    ) -> None:
        """`launch` is asked before each start, and raises nothing. In `directory`, the node's own, are logs/NAME.log,
        and in engines/ the files NAME.json (who runs) and NAME.rungs.json. `model`: what a rung is remembered for.
        `rungs`: those that the engine has. `progress`: told by who carries the calls; without it none is ever open.
        `memory_returned` is asked after an end until it says that the GPU's memory is free again. `admission` is asked
        before each start, and that of it. `events`: the node's, to which those of this engine are added. `place`:
        stands for NAME in NAME.log and NAME.json, since for a while two of one name may run.
        """
        self.name = name
        self.ready: Ready | None = None
        """Set while the process can be asked."""
        self.reason = "not started"
        """Why it cannot be asked."""
        self.events = Events() if events is None else events
        self.quarantined = False
        self.gpu_suspect = False
        """Its GPU was poisoned again and again: no model should be placed there."""
        self.changed = asyncio.Event()
        self._launch, self._model, self._quarantine_s = launch, model, quarantine_s
        self._admission: Admission = admission or Unasked(memory_returned)
        self._rungs = rungs if Rung.AS_IT_WAS in rungs else (Rung.AS_IT_WAS, *rungs)
        self._file = RungsFile(directory / "engines" / f"{name}.rungs.json")
        self._known = self._file.read(model, time.time())
        self._restarts = Restarts()
        self._exits: deque[Exit] = deque(maxlen=MOST_EXITS)
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._around = Surroundings(
            name,
            EngineLog(directory / "logs" / f"{place or name}.log"),
            directory / "engines" / f"{place or name}.json",
            session,
            patience or Patience(),
            progress or Progress(),
            self._stopping,
            lambda: self._above() is not None,
        )

    @property
    def rung(self) -> Rung:
        """Of the ladder, now or at the next start."""
        return nearest(self._known.rung, self._rungs)

    def start(self) -> None:
        """Starts or adopts it and keeps it running."""
        self._task = asyncio.create_task(self._keep_running(), name=f"supervisor-{self.name}")

    async def stop(self) -> None:
        """Ends it: politely, then by force. Returns when it is gone.

        The task is told, not cancelled: a cancellation in the middle of a start would lose the process.
        """
        self._stopping.set()
        if self._task is not None:
            await asyncio.shield(self._task)  # nor by who waits here and is cancelled

    async def _keep_running(self) -> None:
        found = await self._found()
        while not self._stopping.is_set():
            if found is not None:
                self._known = Known(found.identity.rung, self._known.since)
            life = Life(self._launch(self.rung), self.rung, self._around)
            wrong = await self._lived(life, found)
            found, self.ready = None, None  # no call shall be sent to one that ends
            end = await life.end()
            await self._admission.ended()
            if self._stopping.is_set():
                return
            wait_s = self._not_admitted(wrong) if isinstance(wrong, NotAdmitted) else self._after(end, wrong)
            await self._paused(wait_s)
            await self._until_memory_returned()
            while any(state(pid) is not ProcessState.GONE for pid in end.unkillable):
                await self._paused(self._quarantine_s or OTHERS_S)
                if self._stopping.is_set():
                    return

    async def _found(self) -> Found | None:
        """The engine of an agent that was killed; waits while another agent has it."""
        while not self._stopping.is_set():
            found = await asyncio.to_thread(found_engine, self._around.identity_file, self._launch)
            if found is None or not found.owned:
                return found
            self._down(f"another agent (process {found.identity.owner}) runs it", logging.WARNING)
            await self._paused(OTHERS_S)
        return None

    async def _lived(self, life: Life, found: Found | None) -> str | NotAdmitted:
        """From the start to the end, or to where it must be ended. Answers why it could not be started."""
        try:
            if found is None:
                ready = await self._begun(life)
            else:
                await life.adopt(found.identity, found.held)
                self._admission.started(found.identity.pid)
                ready = True
                self._note(Kind.ADOPTED, None, self.rung, "goes on", ())
            if ready and life.ready is not None:
                self._up(life.ready)
                await self._admission.loaded()
                await life.until_its_end()
        except (OSError, ValueError) as error:
            return f"cannot be started: {error}"
        except NotAdmitted as refused:
            return refused
        return ""

    async def _begun(self, life: Life) -> bool:
        """Whether it can be asked. Raises NotAdmitted, OSError and ValueError."""
        rung = self.rung
        asking = self._admission.admitted(self._launch(rung), rung, self._waits)
        launch = await unless(self._stopping, asking)
        if launch is None:
            return False
        life.placed(launch)
        await life.start()
        if life.pid is not None:
            self._admission.started(life.pid)
        return await life.until_ready()

    async def _until_memory_returned(self) -> None:
        """A GPU's memory comes back a while after its process has gone; the next start would find too little."""
        deadline = time.monotonic() + MEMORY_RETURN_S
        while not self._stopping.is_set():
            if await self._admission.returned() or time.monotonic() > deadline:
                return
            await self._paused(MEMORY_LOOK_S)

    def _up(self, ready: Ready) -> None:
        self.ready, self.reason, self.quarantined = ready, "", False
        log.info("%s is ready at %s (pid %d, %s)", self.name, ready.address, ready.pid, self.rung)
        self.changed.set()

    def _not_admitted(self, refused: NotAdmitted) -> float:
        """Seconds before the next try: at once where a humbler form has a place."""
        before = self.rung
        if humbler := refused.rung:
            self._note(refused.kind, None, before, f"{humbler}{INSTEAD}{before}", (str(refused),))
            self._keep(humbler)
            log.warning("%s: %s; %s instead", self.name, refused, humbler)
            return 0.0
        self.quarantined = True
        then = f"it is not loaded, next try in {self._quarantine_s:.0f} s"
        self._note(refused.kind, None, before, then, (str(refused),))
        self._down(f"{refused}; {then}")
        return self._quarantine_s

    def _waits(self, what: str) -> None:
        self._down(f"waits: {what}", logging.WARNING)

    def _after(self, end: End, complaint: str) -> float:
        """What is made of an end. Answers the seconds before the next start."""
        if end.doing is Doing.CLIMBING:
            self._keep(self._above() or self.rung)
            self._down(f"restarted for a better form: {self.rung}", logging.INFO)
            return 0.0
        lines = [*end.lines, complaint] if complaint else end.lines
        code = CANNOT_START if complaint else end.code
        finding = classified(code, end.doing, lines, kernel_killed=end.kernel_killed)
        reason = complaint or _said(end, finding, self._around.log.path.name)
        before = self.rung
        wait_s, then = self._next(end, finding.kind)
        self._note(finding.kind, end.code, before, then, (*finding.lines, reason))
        self._down(f"{reason}; {then}" if self.quarantined else reason)
        return wait_s

    def _next(self, end: End, kind: Kind) -> tuple[float, str]:
        """Seconds, and the same in words."""
        now, before = time.monotonic(), self.rung
        self._exits.append(Exit(now, kind, before))
        step = next_step(kind, before, self._exits, self._rungs, now)
        if end.unkillable:
            step = Step(before, quarantined=f"process {end.unkillable[0]} cannot be killed")
        if step.gpu_quarantined:
            self.gpu_suspect = True
            self._admission.poisoned()
        if step.rung is not before or before is not Rung.AS_IT_WAS:
            self._keep(step.rung)
        if step.rung is not before:
            # Another form: what the old one did says nothing of it. The rungs are few.
            self._restarts, self.quarantined = Restarts(), False
            return 0.0, f"{step.rung}{INSTEAD}{before}"
        self._restarts = self._restarts.after_exit(end.lived_s, now, hopeless=bool(step.quarantined))
        self.quarantined = self._restarts.quarantined
        wait_s = self._restarts.wait_s(now, self._quarantine_s)
        if self.quarantined:
            why = step.quarantined or "it ends too often"
            return wait_s, f"quarantined ({why}), next try in {wait_s:.0f} s"
        return wait_s, f"again in {wait_s:.0f} s" if wait_s else "again at once"

    def _above(self) -> Rung | None:
        return climbed(self.rung, self._known.since, self._rungs, time.time())

    def _keep(self, rung: Rung) -> None:
        self._known = Known(rung, time.time())
        self._file.write(self._model, self._known)

    def _note(self, kind: Kind, code: int | None, rung: Rung, then: str, lines: tuple[str, ...]) -> None:
        now = time.time()
        self.events.add(
            Event(at=now, engine=self.name, kind=kind, rung=rung, then=then, code=code, lines=lines)
        )

    def _down(self, reason: str, level: int = logging.ERROR) -> None:
        self.ready = None
        self.reason = reason
        log.log(level, "%s: %s", self.name, reason)
        self.changed.set()

    async def _paused(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _said(end: End, finding: Finding, log_name: str) -> str:
    """Why it ended, in the engine's own words where it has some."""
    if end.doing is Doing.TOO_SLOW:
        return f"not ready within {end.lived_s:.0f} s"
    number = signal_of(end.code)
    how = f"signal {number}" if number else f"exit code {end.code}" if end.code is not None else "ended"
    words = workers_word(end.lines) or (
        finding.lines[-1] if finding.lines else f"see {log_name} in the node's logs"
    )
    return f"{finding.kind}, {how}: {words}"
