"""`herd-node pause` and `herd-node resume`: the owner's word on what the fleet may take of this machine."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from agent import control
from agent.config import PREFIX, Settings
from agent.control import Pause
from agent.verbs.which_agent import NoAgent, directory_of
from shared.durations import seconds
from shared.settings import SettingsError, resolve

OK, FAILED, USAGE, NOT_FOUND = 0, 1, 2, 3
"""Exit codes."""
WORDS = {
    "pause": "is paused: it takes no new calls",
    "share": "takes calls whatever its owner does",
    "": "takes calls again",
}


def pause(flags: Mapping[str, Any], lasting: str) -> int:
    """No new calls for so long (empty: until `resume`); running ones finish. The exit code."""
    return _told(flags, lasting, "pause")


def resume(flags: Mapping[str, Any], lasting: str, *, full: bool) -> int:
    """Calls come again; with `full` also while the owner uses the machine, for so long. The exit code."""
    if lasting and not full:
        return _refused("--for goes with --full: without it there is nothing to end", USAGE)
    return _told(flags, lasting, "share" if full else "")


def _told(flags: Mapping[str, Any], lasting: str, field: str) -> int:
    try:
        until = _end(lasting)
        settings = resolve(Settings, PREFIX, flags).values
    except (ValueError, SettingsError) as error:
        return _refused(str(error), USAGE)
    data_dir = Path(settings.data_dir).expanduser()
    try:
        directory = directory_of(data_dir, settings.name if settings.node_id else "")
    except NoAgent as error:
        return _refused(str(error), NOT_FOUND)
    path = directory / control.FILE
    wanted: dict[str, Pause | None] = {"pause": None, "share": None}
    if field:
        wanted[field] = Pause(until=until)
    try:
        control.write(path, replace(control.read(path), **wanted))
    except OSError as error:
        return _refused(f"{path}: {error.strerror}", FAILED)
    click.echo(f"{directory.name} {WORDS[field]}{_until(until)}")
    return OK


def _end(lasting: str) -> float | None:
    """Since the epoch; None: never. Raises ValueError."""
    if not lasting:
        return None
    if not (lasts := seconds(lasting)):
        raise ValueError("--for wants a time longer than nothing")
    return time.time() + lasts


def _until(until: float | None) -> str:
    return "" if until is None else f" until {time.strftime('%Y-%m-%d %H:%M', time.localtime(until))}"


def _refused(why: str, code: int) -> int:
    click.echo(f"herd-node: {why}", err=True)
    return code
