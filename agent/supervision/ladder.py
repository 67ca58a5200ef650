"""What follows an exit: the same again, one rung down, or quarantine; and the way back up. Pure.

Every start is a clean one: each process of the old tree is gone, what it left is swept, and its memory is free again.
"""

from collections.abc import Sequence

from msgspec import Struct

from agent.supervision.kinds import Kind
from agent.supervision.launch import LADDER, Rung

REPEATED_WITHIN_S = 3600.0
"""Exits of one kind so close together are one trouble."""
POISONED_TIMES = 3
"""So often within that time, and the GPU is quarantined."""
CRASHED_TIMES = 3
"""A crash, a wedge: so often, and the next start is humbler. They may be want of memory that nobody names."""
SLOW_TIMES = 2
QUIET_S = 86_400.0
"""After a day without an exit the rung above is tried again."""

HOPELESS = frozenset({Kind.CONFIGURATION, Kind.MODEL})
"""The same start fails again; a person must mend it."""


class Exit(Struct, frozen=True):
    """One end of the process; `at` on any clock that the others share, in seconds."""

    at: float
    kind: Kind
    rung: Rung = Rung.AS_IT_WAS
    """It was on."""


class Step(Struct, frozen=True):
    """What the next start is."""

    rung: Rung
    quarantined: str = ""
    """Why it is not started now; empty: it is."""
    gpu_quarantined: bool = False
    """The GPU, not only this engine."""


def next_step(kind: Kind, rung: Rung, history: Sequence[Exit], rungs: Sequence[Rung], now: float) -> Step:
    """After an end of that kind on that rung. `history`: the exits, this one among them; `rungs`: the engine's."""
    alike = [each for each in history if each.kind is kind and now - each.at < REPEATED_WITHIN_S]
    if kind in HOPELESS:
        return Step(rung, quarantined=f"{kind}: it would fail again")
    if kind is Kind.POISONED:
        return _after_poisoning(rung, rungs, len(alike))
    times = sum(1 for each in alike if each.rung is rung)  # another rung is another form
    if kind is Kind.MEMORY or (kind is Kind.TOO_SLOW and times >= SLOW_TIMES):
        return _down(kind, rung, rungs)
    if kind in (Kind.CRASHED, Kind.WEDGED):
        humbler = below(rung, rungs) if times >= CRASHED_TIMES else None
        return Step(humbler or rung)
    return Step(rung)


def below(rung: Rung, rungs: Sequence[Rung]) -> Rung | None:
    """The next humbler one that the engine has."""
    return next((each for each in LADDER[LADDER.index(rung) + 1 :] if each in rungs), None)


def above(rung: Rung, rungs: Sequence[Rung]) -> Rung | None:
    """The next better one that the engine has."""
    return next((each for each in reversed(LADDER[: LADDER.index(rung)]) if each in rungs), None)


def climbed(rung: Rung, quiet_since: float, rungs: Sequence[Rung], now: float) -> Rung | None:
    """One rung up, after a quiet day on this one; None: not yet, or there is none."""
    return above(rung, rungs) if now - quiet_since >= QUIET_S else None


def nearest(rung: Rung, rungs: Sequence[Rung]) -> Rung:
    """A remembered rung, or the one above it where the engine has it no more."""
    return rung if rung in rungs else above(rung, rungs) or Rung.AS_IT_WAS


def _after_poisoning(rung: Rung, rungs: Sequence[Rung], times: int) -> Step:
    if times < POISONED_TIMES or rung is Rung.CPU:
        return Step(rung)
    if Rung.CPU in rungs:
        return Step(Rung.CPU, gpu_quarantined=True)
    return Step(rung, quarantined=f"{times} times poisoned: its GPU is suspect", gpu_quarantined=True)


def _down(kind: Kind, rung: Rung, rungs: Sequence[Rung]) -> Step:
    humbler = below(rung, rungs)
    if humbler is None:
        return Step(rung, quarantined=f"{kind} on its lowest rung ({rung})")
    return Step(humbler)
