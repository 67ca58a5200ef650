"""Which engines this machine has, could have, and cannot have. Pure: from what was seen, lines for a person."""

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from agent.engines.kind import EngineKind

MAKERS = {"nvidia": "NVIDIA"}

State = Literal["runs", "installed", "missing", "impossible", "ready", "silent", "wrong"]
"""Somebody runs it · its program is here · it could be had · it cannot run here · nothing is needed for it · nobody
answers where it should run · what is said of it is nonsense.
"""


class Offer(Struct, frozen=True, kw_only=True):
    """An engine that herd knows."""

    name: str
    about: str
    how: str
    """It is had, for a person."""
    program: str = ""
    systems: frozenset[str] = frozenset()
    machines: frozenset[str] = frozenset()
    needs_gpu: str = ""


class Seen(Struct, frozen=True, kw_only=True):
    """This machine."""

    system: str
    """As sys.platform."""
    machine: str
    """Its processor, in small letters."""
    gpus: frozenset[str] = frozenset()
    """Their makers: nvidia, amd."""
    programs: Mapping[str, str] = {}
    """Engines whose program is here, and where."""
    lacking: Mapping[str, str] = {}
    """Engines whose Python is here without what they need, and the reason."""
    running: Mapping[str, str] = {}
    """Engines that answer, and where."""


class Line(Struct, frozen=True):
    """What is told of one engine."""

    engine: str
    state: State
    where: str
    """Its address or its program; empty: nowhere."""
    about: str
    next: str
    """What to do to use it, or why it cannot be used."""
    section: bool = False
    """Whether it is one of engines.toml; else one that herd knows."""


def offer_of(kind: EngineKind) -> Offer:
    """Of one line of the table."""
    return Offer(
        name=kind.name,
        about=kind.about,
        how=kind.how,
        program=kind.program,
        systems=kind.systems,
        machines=kind.machines,
        needs_gpu=kind.needs_gpu,
    )


def surveyed(offers: Iterable[Offer], seen: Seen) -> list[Line]:
    """In their order."""
    return [_line(offer, seen) for offer in offers]


def _line(offer: Offer, seen: Seen) -> Line:
    state, where, then = _state(offer, seen)
    return Line(offer.name, state, where, offer.about, then)


def _state(offer: Offer, seen: Seen) -> tuple[State, str, str]:
    name = offer.name
    if url := seen.running.get(name):
        own = name in ("ollama", "embedded")
        return "runs", url, f"--engine {name}" if own else f"--engine {name}:url={url}"
    if why := impossible(offer, seen):
        return "impossible", "", why
    if lacks := seen.lacking.get(name):
        return "missing", seen.programs.get(name, ""), f"{lacks}; {offer.how}"
    if program := seen.programs.get(name):
        return (
            "installed",
            program,
            f"--engine {name}" + ("" if name in ("ollama", "embedded") else ":model=..."),
        )
    return ("missing" if offer.program else "ready"), "", offer.how


def impossible(offer: Offer, seen: Seen) -> str:
    """Why it cannot run on this machine; empty: it can."""
    if offer.systems and seen.system not in offer.systems:
        return f"it runs on {', '.join(sorted(offer.systems))} only, this is {seen.system}"
    if offer.machines and seen.machine not in offer.machines:
        return f"it is made for {', '.join(sorted(offer.machines))}, this is {seen.machine}"
    if offer.needs_gpu and offer.needs_gpu not in seen.gpus:
        return f"it needs a GPU of {MAKERS[offer.needs_gpu]}, and none is seen here"
    return ""
