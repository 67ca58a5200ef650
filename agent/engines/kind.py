"""What the agent must know of a kind of engine to find, start, and read one. Each engine's file ends with its own."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from agent.engines.asking import Ask
from agent.engines.engine import Contract
from agent.engines.openai_server import Mending, Reading, Unload
from agent.engines.options import Options
from agent.loading.spec import LoadSpec
from agent.supervision.launch import Launch, Rung

Launching = Callable[[Any, tuple[str, ...], int, Rung], Launch]
"""From its options, the command that was found, a port, and the rung it is on."""


class EngineKind(Struct, frozen=True, kw_only=True):
    """One line of the table. Functions are given options of the type `options`."""

    name: str
    """As in --engine and engines.toml."""
    about: str
    how: str
    """It is had, for a person."""
    options: type[Options]
    contract: Callable[[Any], Contract]
    read: Callable[[Any, Ask], Awaitable[Reading]]
    mending: Callable[[Any], Mending]
    unload: Unload | None = None
    """How a model leaves its memory; None: only with its process."""
    program: str = ""
    """On PATH where it is installed; empty: there is none."""
    by_module: bool = False
    """Whether a Python that has it does, without a script beside."""
    modules: tuple[str, ...] = ()
    """What the Python that runs it must have."""
    command: Callable[[str, Any], tuple[str, ...]] | None = None
    """How the program that was found is run; None: it is only adopted."""
    launch: Launching | None = None
    spec: Callable[[Any, tuple[str, ...]], LoadSpec] | None = None
    """From its options and the command that was found: what its loads take; None: nobody judges them."""
    systems: frozenset[str] = frozenset()
    """As in sys.platform; empty: any."""
    machines: frozenset[str] = frozenset()
    """Processors, in small letters; empty: any."""
    needs_gpu: Literal["", "nvidia"] = ""
    needs_model: bool = True
    """Whether it can be started only for a model that is named."""
    listens_at: str = ""
    """Where one that somebody started listens by default; empty: it could not be told from others there."""
    sign: tuple[str, type[Struct]] | None = None
    """A path and what no other engine answers there."""


def python_beside(program: str) -> str:
    """The Python of the environment in which a script is installed."""
    return str(Path(program).resolve().parent / "python")


def program_of(kind: EngineKind, options: Any, which: Callable[[str], str | None]) -> str | None:
    """Where its program is; None: nowhere. `which` looks on PATH."""
    if own := getattr(options, "program", ""):
        return which(str(Path(own).expanduser()))
    if python := getattr(options, "python", ""):
        path = Path(python).expanduser()
        return which(str(path)) if kind.by_module else which(str(path.parent / kind.program))
    return which(kind.program) if kind.program else None
