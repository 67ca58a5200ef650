"""`herd-node pause` and `herd-node resume`: the owner's word on what the fleet may take of this machine."""

import time

import click
from msgspec.structs import replace

from agent.config import Settings
from agent.control import FILE, Pause, read, write
from agent.verbs.directory import FAILED, OK, USAGE, NoNode, directory_of
from shared.durations import seconds

WORDS = {
    "pause": "is paused: it takes no new calls",
    "share": "takes calls whatever its owner does",
    "": "takes calls again",
}


def pause(settings: Settings, lasting: str) -> int:
    """No new calls for so long (empty: until `resume`); running ones finish. The exit code. Raises NoNode."""
    return _told(settings, lasting, "pause")


def resume(settings: Settings, lasting: str, *, full: bool) -> int:
    """Calls come again; with `full` whatever the owner does, for so long. The exit code. Raises NoNode."""
    if lasting and not full:
        raise NoNode("--for goes with --full: without it there is nothing to end", USAGE)
    return _told(settings, lasting, "share" if full else "")


def _told(settings: Settings, lasting: str, field: str) -> int:
    """An agent that does not run reads it at its start."""
    until = _end(lasting)
    directory = directory_of(settings)
    wanted: dict[str, Pause | None] = {"pause": None, "share": None}
    if field:
        wanted[field] = Pause(until=until)
    path = directory / FILE
    try:
        write(path, replace(read(path), **wanted))
    except OSError as error:
        raise NoNode(f"the agent cannot be told: {path}: {error.strerror}", FAILED) from error
    click.echo(f"{directory.name} {WORDS[field]}{_until(until)}")
    return OK


def _end(lasting: str) -> float | None:
    """Since the epoch; None: never. Raises NoNode."""
    if not lasting:
        return None
    try:
        lasts = seconds(lasting)
    except ValueError as error:
        raise NoNode(str(error), USAGE) from error
    if not lasts:
        raise NoNode("--for wants a time longer than nothing", USAGE)
    return time.time() + lasts


def _until(until: float | None) -> str:
    return "" if until is None else f" until {time.strftime('%Y-%m-%d %H:%M', time.localtime(until))}"
