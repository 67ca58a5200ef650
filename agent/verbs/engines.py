"""`herd-node engines`: what is found on this machine, what could be had, and what cannot run here."""

import asyncio
import importlib.util
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import aiohttp
import click
import msgspec
from msgspec import Struct

from agent.addresses import NoAddress, ollama_url
from agent.config import Settings
from agent.engines.asking import Ask
from agent.engines.engine import EngineError
from agent.engines.engines_file import read_file
from agent.engines.kind import program_of
from agent.engines.kinds import BUILT_IN, KINDS
from agent.engines.ollama_shapes import Tags
from agent.engines.options import Options
from agent.engines.survey import Line, Offer, Seen, offer_of, surveyed
from agent.engines.wanted import WantedError, sections, wanted
from agent.sensors.amd import DRM, amd_gpus
from agent.sensors.gpu import GpuSensor
from agent.verbs import sections as of_file
from agent.verbs.directory import OK, USAGE

Output = Literal["text", "json"]
ANSWER_S = 1.0
"""Of an engine that runs on this machine; one that does not answer in it is not listed as running."""
PYTHON_S = 10.0
"""For an engine's Python to start."""
FIND = "import sys, importlib.util as u; print(*(m for m in sys.argv[1:] if u.find_spec(m) is None))"
OLLAMA = Offer(
    name="ollama",
    about="Ollama: pulls and serves models by name",
    how="install it from its makers; one that runs is used, one that is named with --engine is started",
    program="ollama",
)
EMBEDDED = Offer(
    name="embedded",
    about="llama.cpp from the wheel xllamacpp, with a model that comes with herd or a GGUF file",
    how="in a clone of herd: pip install '.[embedded]' (there are no wheels for some platforms)",
    program="xllamacpp",
)


def engines(settings: Settings, output: Output) -> int:
    """The exit code. Engines that are named are looked for where the settings say."""
    try:
        named = options_named(settings)
    except WantedError as error:
        if settings.engine:
            click.echo(f"herd-node: {error}", err=True)
            return USAGE
        named = {}  # what is wrong with the file is told in its own lines
    lines = asyncio.run(_lines(settings, named))
    click.echo(msgspec.json.encode(lines) if output == "json" else table(lines))
    return OK


async def _lines(settings: Settings, named: Mapping[str, Options]) -> list[Line]:
    """What herd knows, then the sections of engines.toml."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S)) as session:
        seen = await _seen(settings.ollama_host, named, session)
        lines = surveyed([OLLAMA, EMBEDDED, *map(offer_of, KINDS.values())], seen)
        return [*lines, *await of_file.told(settings, seen, session, {each.engine: each for each in lines})]


def table(lines: Iterable[Line]) -> str:
    """One engine a line, what to do below it."""
    rows = []
    for each in lines:
        rows.append(f"{each.engine:<14}{each.state:<12}{each.about}")
        rows.append(f"{'':<26}{each.where + ': ' if each.where else ''}{each.next}")
    return "\n".join(rows)


def options_named(settings: Settings) -> dict[str, Options]:
    """Of each kind that --engine or engines.toml names, the first. Raises WantedError."""
    node = Path(settings.data_dir).expanduser() / "nodes" / settings.name
    found = wanted(settings.engine, sections(read_file(node)), KINDS, BUILT_IN)
    return {each.kind: each.options for each in reversed(found) if each.options is not None}


def programs_here(named: Mapping[str, Options]) -> dict[str, str]:
    """Where the program of each kind is, for those that have one here."""
    told = {
        name: program_of(kind, named.get(name) or kind.options(), shutil.which)
        for name, kind in KINDS.items()
    }
    return {name: found for name, found in told.items() if found}


async def _seen(ollama_host: str, named: Mapping[str, Options], session: aiohttp.ClientSession) -> Seen:
    running, makers = await asyncio.gather(_running(ollama_host, session), asyncio.to_thread(_makers))
    programs = programs_here(named)
    lacking = await _lacking(programs, named)
    if ollama := shutil.which("ollama"):
        programs["ollama"] = ollama
    if (spec := importlib.util.find_spec("xllamacpp")) and spec.origin:
        programs["embedded"] = spec.origin
    return Seen(
        system=sys.platform,
        machine=platform.machine().lower(),
        gpus=makers,
        programs=programs,
        lacking=lacking,
        running=running,
    )


async def _lacking(programs: Mapping[str, str], named: Mapping[str, Options]) -> dict[str, str]:
    """Engines of which the Python that was found has not all modules, and which it lacks."""
    needy = {
        name: (kind.command(programs[name], named.get(name) or kind.options())[0], kind.modules)
        for name, kind in KINDS.items()
        if kind.command and kind.modules and name in programs
    }
    told = [asyncio.to_thread(lacks, *each) for each in needy.values()]
    return {name: why for name, why in zip(needy, await asyncio.gather(*told), strict=True) if why}


def lacks(python: str, modules: Sequence[str]) -> str:
    """Why that Python cannot run what needs those modules, none of which it imports; empty: it can."""
    try:
        said = subprocess.run(
            [python, "-c", FIND, *modules], capture_output=True, text=True, timeout=PYTHON_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return f"{python} cannot be run ({type(error).__name__})"
    return f"{python} has no {' and no '.join(said.split())}" if said.split() else ""


def _makers() -> frozenset[str]:
    """Of this machine's GPUs. Asks the drivers."""
    theirs, every = len(amd_gpus(DRM)), len(GpuSensor().read())
    return frozenset({"amd"} if theirs else set()) | frozenset({"nvidia"} if every > theirs else set())


async def _running(ollama_host: str, session: aiohttp.ClientSession) -> dict[str, str]:
    """Those that answer where they listen by default, as only they do."""
    signs = {name: (kind.listens_at, *kind.sign) for name, kind in KINDS.items() if kind.sign}
    with suppress(NoAddress):
        signs["ollama"] = (ollama_url(ollama_host), "/api/tags", Tags)
    answers = await asyncio.gather(*(_answers(session, *sign) for sign in signs.values()))
    return {name: sign[0] for (name, sign), there in zip(signs.items(), answers, strict=True) if there}


async def _answers(session: aiohttp.ClientSession, url: str, path: str, sign: type[Struct]) -> bool:
    try:
        await Ask(session, url, {}).get(path, sign)
    except EngineError:
        return False
    return True
