"""The processes of one engine: its session, and those of its children that left it. Everything here may block."""

import contextlib
import os
import signal
import sys
import time

import psutil

from agent.supervision.evidence import ProcessState
from agent.supervision.identity import MARK, SAME_START_S

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
KILL_S, ROUND_S = 5.0, 0.02
"""So long killed processes may take to be gone, and between looks at them."""


def state(pid: int) -> ProcessState:
    """Of one process."""
    try:
        status = psutil.Process(pid).status()
    except psutil.Error:
        return ProcessState.GONE
    if status in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
        return ProcessState.GONE
    return ProcessState.STOPPED if status == psutil.STATUS_STOPPED else ProcessState.RUNNING


def members(leader: int | None, mark: str, since: float) -> list[psutil.Process]:
    """Who lives of the tree: the leader's session and everybody with the mark in their environment. No zombies.

    `leader`: None where it is gone since long, for its number may be another's. `since`: its start; who is older was
    never its child. The mark needs no such proof: nobody else has it, and the clock may have been set since.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            younger = process.create_time() >= since - SAME_START_S
            if (younger and _in_session(process.pid, leader)) or _marked(process, mark):
                found.append(process)
    return found


def send(leader: int, number: int) -> None:
    """To the engine's group; on Windows to the process alone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            os.kill(leader, number)
        else:
            os.killpg(leader, number)


def kill_members(leader: int | None, mark: str, since: float) -> tuple[list[int], list[int]]:
    """SIGKILL to all that are left, until none is: the numbers of all, and of those that even so do not end.

    More than one round: who is killed may have started another just before.
    """
    numbers = dict.fromkeys([] if leader is None else [leader])
    deadline = time.monotonic() + KILL_S
    while left := members(leader, mark, since):
        if time.monotonic() > deadline:
            return list(numbers), [process.pid for process in left]
        for process in left:
            numbers[process.pid] = None
            with contextlib.suppress(psutil.Error):
                process.send_signal(KILL)
        time.sleep(ROUND_S)  # not psutil's wait: it would take the exit status from the one who waits for it
    return list(numbers), []


def _in_session(pid: int, leader: int | None) -> bool:
    if sys.platform == "win32":
        return pid == leader
    return leader is not None and os.getsid(pid) == leader


def _marked(process: psutil.Process, mark: str) -> bool:
    return bool(mark) and process.environ().get(MARK) == mark
