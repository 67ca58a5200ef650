"""The sections of engines.toml, as `herd-node engines` tells them: wrong, missing, installed, or answering."""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from agent.building import origin
from agent.config import Settings
from agent.engines.engines_file import read_file
from agent.engines.kinds import BUILT_IN, KINDS
from agent.engines.survey import Line, Seen, State, impossible, offer_of
from agent.engines.upstream import KeyRefused
from agent.engines.wanted import FILE, Wanted, WantedError, sections, wanted
from agent.verbs.directory import NoNode, directory_of
from shared.sockets import is_loopback


async def told(
    settings: Settings, seen: Seen, session: aiohttp.ClientSession, kinds: Mapping[str, Line]
) -> list[Line]:
    """A line for each section, in the file's order. `kinds`: the lines of what is built in. Nobody outside this machine
    is asked.
    """
    try:
        file = sections(await asyncio.to_thread(read_file, _directory(settings)))
    except WantedError as error:
        return [Line(FILE, "wrong", "", "cannot be used", str(error), section=True)]
    lines = await asyncio.gather(*(_section(name, file, seen, session, kinds) for name in file))
    return [*lines, *_together(file, lines)]


def _directory(settings: Settings) -> Path:
    """Of the agent that is meant; where none ever ran, as one would have it that begins now."""
    try:
        return directory_of(settings)
    except NoNode:
        return Path(settings.data_dir).expanduser() / "nodes" / settings.name


def _together(file: Mapping[str, Mapping[str, Any]], lines: list[Line]) -> list[Line]:
    """What is wrong with no section alone, such as two engines of one name."""
    if any(each.state == "wrong" for each in lines):
        return []
    try:
        wanted([], file, KINDS, BUILT_IN)
    except WantedError as error:
        return [Line(FILE, "wrong", "", "cannot be used", str(error), section=True)]
    return []


async def _section(
    name: str,
    file: Mapping[str, Mapping[str, Any]],
    seen: Seen,
    session: aiohttp.ClientSession,
    kinds: Mapping[str, Line],
) -> Line:
    use = f"--engine {name}, or no --engine"
    try:
        (found,) = wanted([name], file, KINDS, BUILT_IN)
    except WantedError as error:
        return Line(name, "wrong", "", "cannot be used", str(error), section=True)
    if found.options is None:
        there = kinds[found.kind]
        state, where, then = there.state, there.where, there.next
        return Line(name, state, where, _about(found), use if where else then, section=True)
    state, where, why = await _state(found, seen, session)
    return Line(found.name, state, where, _about(found), why or use, section=True)


async def _state(found: Wanted, seen: Seen, session: aiohttp.ClientSession) -> tuple[State, str, str]:
    """And where, and why it cannot be used; empty: it can."""
    kind, options = KINDS[found.kind], found.options
    if not getattr(options, "url", "") and (why := impossible(offer_of(kind), seen)):
        return "impossible", "", why
    try:
        where = await asyncio.to_thread(origin, kind, options, shutil.which)
    except (ValueError, KeyRefused) as error:
        return "missing", "", str(error)
    if "://" not in where:
        return "installed", where, ""
    if not is_loopback(where):
        return "ready", where, ""
    if await _answers(session, where):
        return "runs", where, ""
    return "silent", where, "nobody answers there now; it is used once somebody does"


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    """Whatever it says."""
    try:
        async with session.get(f"{url}/v1/models", allow_redirects=False):
            return True
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


def _about(found: Wanted) -> str:
    model = getattr(found.options, "model", "")
    return f"section of {FILE}, kind {found.kind}{f', model {model}' if model else ''}"
