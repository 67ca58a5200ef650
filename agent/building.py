"""Builds the engines that are wanted: the part of app.py that knows all kinds."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from msgspec import Struct

from agent.engines.engine import Contract
from agent.engines.kind import EngineKind, program_of
from agent.engines.openai_server import OpenAIServer
from agent.engines.port import KeptPort
from agent.engines.source import Adopted, Missing, Source, Started, Supervised
from agent.engines.upstream import KeyRefused, Rate, base, headers
from agent.engines.upstream import Options as Upstream
from agent.engines.wanted import Wanted
from agent.loading.spec import LoadSpec
from agent.supervision.admission import Admission
from agent.supervision.evidence import Patience
from agent.supervision.launch import Launch, Rung
from agent.supervision.progress import Progress
from shared.sockets import is_loopback

_LISTENS_AT = ("--host", "--listen", "--listen-address", "--bind", "--uds", "--path-unix")
_LISTENS_BY = ("OLLAMA_HOST", "LLAMA_ARG_HOST", "VLLM_HOST", "HOST", "UVICORN_HOST")
"""Flags and variables of engines that say where they listen."""

log = logging.getLogger("herd-node.engines")


class Supervise(Protocol):
    """Makes a supervisor, which starts nothing yet."""

    def __call__(
        self,
        name: str,
        launch: Callable[[Rung], Launch],
        *,
        model: str,
        rungs: tuple[Rung, ...],
        patience: Patience,
        progress: Progress,
        admission: Admission | None,
        place: str,
    ) -> Supervised:
        """As the Supervisor's constructor, for this node."""
        ...


class Around(Struct, frozen=True):
    """What an engine is built with, whichever it is."""

    session: aiohttp.ClientSession
    directory: Path
    """The node's own."""
    look_timeout_s: float
    supervise: Supervise
    which: Callable[[str], str | None] = shutil.which
    admission: Callable[[str, LoadSpec], Admission | None] = lambda _name, _spec: None
    """Of the node's account of loads, for an engine by its name."""
    place: str = ""
    """As of a `Supervisor`."""
    port: KeptPort | None = None
    """Of all engines of its name, where more than one is built; None: its own."""


def kept_port(name: str, options: Any, directory: Path) -> KeptPort:
    """On which an engine of that name listens. `directory`: the node's own."""
    return KeptPort(directory / "engines" / f"{name}.port", options.port)


def built(wanted: Wanted, kind: EngineKind, around: Around) -> OpenAIServer:
    """The engine; where it cannot be had, one that is down and says why."""
    options: Any = wanted.options
    contract, progress = kind.contract(options), Progress()
    admit = Rate(options.calls_per_minute).admit if isinstance(options, Upstream) else lambda _now: None
    source, sent = _source(wanted.name, kind, options, contract, around, progress)
    return OpenAIServer(
        wanted.name,
        contract,
        source,
        lambda ask: kind.read(options, ask),
        around.session,
        around.look_timeout_s,
        mending=kind.mending(options),
        headers=sent,
        progress=progress,
        admit=admit,
        unload=kind.unload,
    )


def origin(kind: EngineKind, options: Any, which: Callable[[str], str | None]) -> str:
    """The address of the engine where somebody runs it, else its program on this machine.

    Blocks for the disk. Raises ValueError where it cannot be had, KeyRefused for a key that cannot be read.
    """
    if not options.url:
        return _program(kind, options, which)
    if isinstance(options, Upstream):
        headers(options)
        return base(options.url)
    return _here(options.url)


def _source(
    name: str, kind: EngineKind, options: Any, contract: Contract, around: Around, progress: Progress
) -> tuple[Source, dict[str, str]]:
    """Where it comes from, and what is sent with each call."""
    try:
        found = origin(kind, options, around.which)
        if options.url:
            return Adopted(found), headers(options) if isinstance(options, Upstream) else {}
        return _started(name, kind, options, found, contract, around, progress), {}
    except (ValueError, KeyRefused) as error:
        log.warning("engine %s: %s", name, error)
        return Missing(str(error)), {}


def _here(url: str) -> str:
    """Raises ValueError for another machine's: its memory is not this node's."""
    if not is_loopback(base(url)):
        raise ValueError(f"{url} is not on this machine: run herd-node there, or name it as openai:url={url}")
    return base(url)


def _program(kind: EngineKind, options: Any, which: Callable[[str], str | None]) -> str:
    """Raises ValueError where it cannot be started."""
    if kind.launch is None or kind.command is None:
        raise ValueError(f"{kind.name} is only adopted: give url=")
    if opened := opening(options):
        raise ValueError(
            f"{opened} is left out: an engine is started on loopback, and the gateway faces the network"
        )
    if kind.needs_model and not options.model:
        raise ValueError(f"{kind.name} is started for a model: give model=")
    found = program_of(kind, options, which)
    if found is None:
        raise ValueError(f"{kind.program} is not installed here: {kind.how}")
    return found


def opening(options: Any) -> str:
    """Of an engine's own arguments and environment, what says where it listens; empty: nothing."""
    words = (word.partition("=")[0] for word in getattr(options, "arguments", ()))
    named = (name for name in getattr(options, "environment", {}) if name.upper() in _LISTENS_BY)
    return next((each for each in (*words, *named) if each in _LISTENS_AT or each.upper() in _LISTENS_BY), "")


def _started(
    name: str,
    kind: EngineKind,
    options: Any,
    program: str,
    contract: Contract,
    around: Around,
    progress: Progress,
) -> Source:
    launching, command_of = kind.launch, kind.command
    assert launching is not None  # noqa: S101 - its program was found
    assert command_of is not None  # noqa: S101
    command = command_of(program, options)
    port = around.port or kept_port(name, options, around.directory)
    supervisor = around.supervise(
        name,
        lambda rung: launching(options, command, port.get(), rung),
        model=options.name,
        rungs=contract.rungs,
        patience=Patience(answers_while_busy=not contract.silent_while_busy, stalled_s=contract.stalled_s),
        progress=progress,
        admission=around.admission(name, kind.spec(options, command)) if kind.spec else None,
        place=around.place,
    )
    return Started(supervisor)
