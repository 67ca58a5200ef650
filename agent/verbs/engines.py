"""`herd-node engines`: what is found on this machine, what could be had, and what cannot run here."""

import asyncio
import importlib.util
import platform
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Literal

import aiohttp
import click
import msgspec
from msgspec import Struct

from agent.addresses import NoAddress, ollama_url
from agent.config import Settings
from agent.engines.asking import Ask
from agent.engines.engine import EngineError
from agent.engines.kinds import KINDS
from agent.engines.ollama_shapes import Tags
from agent.engines.survey import Line, Offer, Seen, offer_of, surveyed
from agent.sensors.amd import DRM, amd_gpus
from agent.sensors.gpu import GpuSensor
from agent.verbs import sections
from agent.verbs.directory import OK

Output = Literal["text", "json"]
ANSWER_S = 1.0
"""Of an engine that runs on this machine; one that does not answer in it is not listed as running."""
OLLAMA = Offer(
    name="ollama",
    about="Ollama: pulls and serves models by name",
    how="install it from its makers; one that runs is used, one that is named with --engine is started",
    program="ollama",
)
EMBEDDED = Offer(
    name="embedded",
    about="llama.cpp from the wheel xllamacpp, with a model that comes with herd or a GGUF file",
    how="pip install 'herd-fleet[embedded]' (there are no wheels for some platforms)",
    program="xllamacpp",
)


def engines(settings: Settings, output: Output) -> int:
    """The exit code."""
    lines = asyncio.run(_lines(settings))
    click.echo(msgspec.json.encode(lines) if output == "json" else table(lines))
    return OK


async def _lines(settings: Settings) -> list[Line]:
    """What herd knows, then the sections of engines.toml."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S)) as session:
        seen = await _seen(settings.ollama_host, session)
        lines = surveyed([OLLAMA, EMBEDDED, *map(offer_of, KINDS.values())], seen)
        return [*lines, *await sections.told(settings, seen, session, {each.engine: each for each in lines})]


def table(lines: Iterable[Line]) -> str:
    """One engine a line, what to do below it."""
    rows = []
    for each in lines:
        rows.append(f"{each.engine:<14}{each.state:<12}{each.about}")
        rows.append(f"{'':<26}{each.where + ': ' if each.where else ''}{each.next}")
    return "\n".join(rows)


async def _seen(ollama_host: str, session: aiohttp.ClientSession) -> Seen:
    running, makers = await asyncio.gather(_running(ollama_host, session), asyncio.to_thread(_makers))
    programs = {name: found for name, kind in KINDS.items() if (found := shutil.which(kind.program or " "))}
    if ollama := shutil.which("ollama"):
        programs["ollama"] = ollama
    if (spec := importlib.util.find_spec("xllamacpp")) and spec.origin:
        programs["embedded"] = spec.origin
    return Seen(
        system=sys.platform,
        machine=platform.machine().lower(),
        gpus=makers,
        programs=programs,
        running=running,
    )


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
