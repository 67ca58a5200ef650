"""Whether an engine lives, from three kinds of evidence: its process, its answers over HTTP, and its calls. Pure.

No kind is enough alone. Health may say 200 while every call hangs (llama.cpp after a CUDA error), and may be silent
while a long prompt is computed (Krasis, ik_llama): a silent engine whose calls move on is busy, not dead.
"""

from enum import StrEnum

from msgspec import Struct


class ProcessState(StrEnum):
    """Of the process that the agent started or adopted."""

    RUNNING = "running"
    STOPPED = "stopped"
    """By SIGSTOP: it takes connections and answers none."""
    GONE = "gone"
    """Also a zombie: signal 0 still reaches one."""


class Verdict(StrEnum):
    """What follows from all the evidence."""

    ALIVE = "alive"
    BUSY = "busy"
    """It does not answer, but its calls move on: it is left alone."""
    WEDGED = "wedged"
    """Only SIGKILL helps."""
    DEAD = "dead"


class Patience(Struct, frozen=True, kw_only=True):
    """How long an engine may be silent, in seconds."""

    probe_every_s: float = 2.0
    probe_timeout_s: float = 2.0
    misses: int = 3
    """Probes in a row without an answer, before silence counts at all: one may be the agent's own fault."""
    idle_silence_s: float = 20.0
    """Without an answer and without a call: nothing excuses it."""
    busy_silence_s: float = 60.0
    """Without an answer, while calls are open and none moves."""
    stalled_s: float = 600.0
    """With good answers, while calls are open and none moves. Long: a first token may take minutes."""
    stopped_s: float = 1.0
    """In the stopped state: a debugger or a shell may mean it for a moment."""
    answers_while_busy: bool = True
    """False (Krasis): its silence during a call says nothing; only `stalled_s` holds."""


class Evidence(Struct, frozen=True, kw_only=True):
    """What is known at one moment; times of one monotonic clock, in seconds."""

    process: ProcessState
    stopped_since: float | None = None
    silent_since: float | None = None
    """The first probe in a row without an answer began then; None: the last one was answered."""
    misses: int = 0
    open_calls: int = 0
    moved_at: float = 0.0
    """A call began then, or a byte of one came."""


def verdict(evidence: Evidence, patience: Patience, now: float) -> Verdict:
    """The rule that combines them; the first line that fits decides."""
    if evidence.process is ProcessState.GONE:
        return Verdict.DEAD
    if _lasted(evidence.stopped_since, patience.stopped_s, now):
        return Verdict.WEDGED
    silent = evidence.silent_since is not None and evidence.misses >= patience.misses
    if not evidence.open_calls:
        if silent and _lasted(evidence.silent_since, patience.idle_silence_s, now):
            return Verdict.WEDGED
        return Verdict.ALIVE
    still_s = now - evidence.moved_at
    if still_s >= patience.stalled_s:
        return Verdict.WEDGED
    if silent and patience.answers_while_busy and still_s >= patience.busy_silence_s:
        return (
            Verdict.WEDGED if _lasted(evidence.silent_since, patience.busy_silence_s, now) else Verdict.BUSY
        )
    return Verdict.BUSY if silent else Verdict.ALIVE


def _lasted(since: float | None, seconds: float, now: float) -> bool:
    return since is not None and now - since >= seconds
