"""An engine's process: started by this agent, or by the one before it."""

import asyncio
import contextlib
import os
import secrets
import sys
import time
from pathlib import Path
from typing import Protocol

import psutil

from agent.supervision import lifeline
from agent.supervision.engine_log import EngineLog
from agent.supervision.evidence import ProcessState
from agent.supervision.identity import MARK, Identity, lives, started_at
from agent.supervision.launch import Launch, ReadyLine
from agent.supervision.tree import state

CAPPED = Path(__file__).parent.parent / "workers" / "capped.py"
TOKEN = "FLEET_NODE_TOKEN"  # noqa: S105 - the setting's name
LOOK_S = 0.1
"""Between looks at a process that is no child of ours: nobody tells of its end."""


class Process(Protocol):
    """The leader of an engine's tree."""

    pid: int
    started: float
    """Seconds since the epoch."""
    mark: str

    async def wait(self) -> int | None:
        """Until it ended: its exit status, or minus the signal; None: not known."""
        ...

    def state(self) -> ProcessState:
        """Now."""
        ...

    def release(self) -> None:
        """Lets go of what is held for it; it has ended."""
        ...


class Child:
    """Started by this agent."""

    def __init__(self, process: asyncio.subprocess.Process, mark: str, held: int | None) -> None:
        """`held`: the agent's end of its lifeline."""
        self.pid = process.pid
        self.mark = mark
        self.process = process
        self._held = held
        try:
            self.started = started_at(process.pid)
        except psutil.Error:  # it has ended already, which its exit tells
            self.started = time.time()

    async def wait(self) -> int | None:
        """Until it is reaped."""
        return await self.process.wait()

    def state(self) -> ProcessState:
        """Now."""
        return ProcessState.GONE if self.process.returncode is not None else state(self.pid)

    def release(self) -> None:
        """Its pipes and its lifeline."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
        if self.process.stdin is not None:
            self.process.stdin.close()


class Adopted:
    """Started by an agent before this one."""

    def __init__(self, identity: Identity, held: int | None) -> None:
        self.pid, self.started, self.mark = identity.pid, identity.started, identity.mark
        self._identity = identity
        self._held = held

    async def wait(self) -> int | None:
        """Until it is seen to be gone."""
        while lives(self._identity):  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(LOOK_S)
        return None

    def state(self) -> ProcessState:
        """Now."""
        return state(self.pid) if lives(self._identity) else ProcessState.GONE

    def release(self) -> None:
        """Its lifeline."""
        if self._held is not None:
            os.close(self._held)
            self._held = None


async def spawned(launch: Launch, log: EngineLog, name: str, pipe: Path) -> Child:
    """A new process in a session of its own, so that a ctrl-C at the terminal is the agent's to pass on.

    `pipe`: of its lifeline. Raises OSError and ValueError.
    """
    mark = f"{name}-{secrets.token_hex(8)}"
    by_line = isinstance(launch.ready, ReadyLine)
    theirs, ours = (lifeline.laid(pipe) if outlives(launch) and by_line else None) or (None, None)
    try:
        with log.open() as errors:
            process = await asyncio.create_subprocess_exec(
                *_capped(launch),
                stdin=_input(theirs, by_line=by_line),
                stdout=asyncio.subprocess.PIPE if by_line else errors,
                stderr=errors,
                env=_environment(launch, mark),
                start_new_session=sys.platform != "win32",
            )
    except BaseException:  # a cancellation, too
        if ours is not None:
            os.close(ours)
        raise
    finally:
        if theirs is not None:
            os.close(theirs)
    return Child(process, mark, ours)


def outlives(launch: Launch) -> bool:
    """Whether it goes on without an agent, on this system."""
    return launch.outlives_agent and lifeline.possible()


def _input(theirs: int | None, *, by_line: bool) -> int:
    if theirs is not None:
        return theirs
    return asyncio.subprocess.PIPE if by_line else asyncio.subprocess.DEVNULL


def _capped(launch: Launch) -> tuple[str, ...]:
    command = launch.command + launch.placed
    if not (launch.memory_cap_bytes or launch.group) or sys.platform == "win32":
        return command
    group = ("--group", launch.group) if launch.group else ()
    return (sys.executable, str(CAPPED), *group, str(launch.memory_cap_bytes or 0), *command)


def _environment(launch: Launch, mark: str) -> dict[str, str]:
    """Of this program's own, but for what lets a machine join: engines have nothing to do with it."""
    own = {name: value for name, value in os.environ.items() if name != TOKEN}
    wanted = {**own, **launch.environment, MARK: mark}
    return {name: value for name, value in wanted.items() if launch.environment.get(name) != ""}


def kernel_kills() -> int:
    """Processes that the kernel ended for want of memory since the machine's start; 0 where it does not tell."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0
