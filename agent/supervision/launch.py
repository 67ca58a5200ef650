"""How an engine's process is started: one value per start, made by the engine for the rung that it is on. Pure."""

import signal
from enum import StrEnum

from msgspec import Struct

SLOWEST_LOAD_BYTES_PER_S = 50 * 10**6
"""A model on an old disk or a slow share; a load that is slower than this is taken for one that hangs."""
READY_TIMEOUT_S = 60.0
"""For a process to be ready, apart from the reading of its model."""
STOP_GRACE_S = 5.0
"""Between the polite signal and the other one."""


class Rung(StrEnum):
    """One step of the ladder, from the best service to the humblest.

    Each includes those above it that the engine has: who is on SMALLER_CONTEXT has FEWER_SLOTS too.
    """

    AS_IT_WAS = "as it was"
    FEWER_SLOTS = "fewer slots"
    SMALLER_CONTEXT = "smaller context"
    QUANTISED_KV = "quantised KV"
    FEWER_GPU_LAYERS = "fewer GPU layers"
    CPU = "CPU"


LADDER = tuple(Rung)
"""From the top down."""


def reached(rung: Rung, step: Rung) -> bool:
    """Whether who is on `rung` does what `step` says. For an engine that builds its command line."""
    return LADDER.index(rung) >= LADDER.index(step)


class ReadyLine(Struct, frozen=True, tag="line"):
    """Ready when one line of JSON is on its standard output: {"address": URL, "pid": N, "engine_version": TEXT}.

    So do our own workers. Their standard input is held open: its end tells them that the agent is gone.
    """

    health: str = "/health"
    """Path that is probed from then on; an answer with a status below 500 is a good one. Empty: none is."""


class ReadyPath(Struct, frozen=True, tag="path"):
    """Ready when GET http://127.0.0.1:PORT/path answers with 200; `Launch.port` must be told."""

    path: str = "/health"
    health: str = "/health"
    """As in ReadyLine."""


class Launch(Struct, frozen=True, kw_only=True):
    """One start of an engine. `command` never goes through a shell."""

    command: tuple[str, ...]
    placed: tuple[str, ...] = ()
    """Further words at the end of the command: where its model was put this time. They are no part of what it is, so
    that a next agent knows it again although it would put it elsewhere now.
    """
    environment: dict[str, str] = {}
    """Added to the agent's own; an empty value takes a name away."""
    ready: ReadyLine | ReadyPath = ReadyLine()
    port: int | None = None
    """Where it will listen on loopback; None: its line tells. One that is taken is another's: never adopted for it."""
    polite_signal: int = signal.SIGTERM
    """Asks it to end; SIGKILL to the whole group follows after `stop_grace_s`."""
    stop_grace_s: float = STOP_GRACE_S
    leftovers: tuple[str, ...] = ()
    """Globs of files that it leaves behind when it dies, swept at its end: `~`, `{pid}` (each process of its tree) and
    `{port}` are filled in. What a glob with neither matches goes only where it is this user's, younger than the
    process, and open in no process that lives.
    """
    memory_cap_bytes: int | None = None
    """Of address space, for each process of the tree (RLIMIT_AS). Not for a CUDA engine: it reserves far more than
    it uses.
    """
    group: str = ""
    """Directory of a control group which bounds the memory of the whole tree; where it can be joined, the bound above
    is not set.
    """
    ready_timeout_s: float = READY_TIMEOUT_S
    version: str = ""
    """Of what it loads, where the command does not tell one from the next: another one is another engine."""
    outlives_agent: bool = False
    """It goes on when the agent is killed, and the next agent adopts it. False: it ends with the agent, or is ended by
    the next.
    """


def ready_timeout_s(model_bytes: int, least_s: float = READY_TIMEOUT_S) -> float:
    """Seconds that a model of that size may take: what every start may, and its bytes at the slowest speed."""
    return least_s + max(0, model_bytes) / SLOWEST_LOAD_BYTES_PER_S
