"""Who an engine's process is: written when it starts, so that the next agent finds it after this one was killed.

A port alone says nothing: anybody may listen there. A number of a process is used again. So a process is the one that
was started only when its number, its start, and its command line are all as they were written down.
"""

import os
from pathlib import Path

import msgspec
import psutil
from msgspec import Struct

from agent.supervision.launch import Launch, Rung
from shared.atomic import replaced

SAME_START_S = 1.0
"""Two readings of a process's start may differ by less than this."""
MARK = "HERD_ENGINE"
"""In the environment of every process of the tree: what finds those that left its session."""


class Identity(Struct, frozen=True, kw_only=True):
    """The file's content."""

    name: str
    pid: int
    started: float
    """Of the process, in seconds since the epoch."""
    command: tuple[str, ...]
    placed: tuple[str, ...] = ()
    """At the end of its command line, beside that."""
    mark: str
    rung: Rung
    owner: int
    """The agent's process and its start: while it lives, the engine is its."""
    owner_started: float
    address: str = ""
    """Empty: not ready yet."""
    port: int | None = None
    engine_version: str = ""
    version: str = ""
    """As in its `Launch`."""


def started_at(pid: int) -> float:
    """Seconds since the epoch. Raises psutil.Error."""
    return psutil.Process(pid).create_time()


def own_start() -> float:
    """Of this process."""
    return started_at(os.getpid())


def written(path: Path, identity: Identity) -> None:
    """Whole, whenever the agent is killed. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replaced(path, msgspec.json.encode(identity))


def read(path: Path) -> Identity | None:
    """None: there is none, or none that can be used."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    except (OSError, ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None


def lives(identity: Identity) -> bool:
    """Whether that very process runs. A zombie does not, nor does another with its number."""
    try:
        process = psutil.Process(identity.pid)
        return (
            process.status() != psutil.STATUS_ZOMBIE
            and abs(process.create_time() - identity.started) < SAME_START_S
            and ends_with(process.cmdline(), identity.command + identity.placed)
        )
    except psutil.Error:
        return False


def owned_by_another(identity: Identity) -> bool:
    """Whether the agent that started it still runs, and is not this one."""
    if identity.owner == os.getpid():
        return False
    try:
        process = psutil.Process(identity.owner)
        alive = process.status() != psutil.STATUS_ZOMBIE
        return alive and abs(process.create_time() - identity.owner_started) < SAME_START_S
    except psutil.Error:
        return False


def listens(identity: Identity) -> bool:
    """Whether it, or a child of it, listens on its port; so it is taken to where the system does not tell."""
    try:
        process = psutil.Process(identity.pid)
        sockets = [
            socket
            for each in (process, *process.children(recursive=True))
            for socket in each.net_connections("tcp")
        ]
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr[1:2] == (identity.port,) for each in sockets)


def same_launch(identity: Identity, launch: Launch) -> bool:
    """Whether the process serves what would be started now: the same command but for the port, the same version."""
    same = _without(identity.command, identity.port) == _without(launch.command, launch.port)
    return same and identity.version == launch.version


def ends_with(command: list[str], wanted: tuple[str, ...]) -> bool:
    """An interpreter or a wrapper may stand before it."""
    return bool(wanted) and tuple(command[-len(wanted) :]) == wanted


def _without(command: tuple[str, ...], port: int | None) -> tuple[str, ...]:
    return tuple("" if port and word == str(port) else word.removesuffix(f"={port}") for word in command)
