"""`herd-node capacity`: what was learned of the owner's week, as a table or as JSON."""

import time
from typing import Literal

import click
import msgspec

from agent.capacity.slots import Hour, Week, hours
from agent.capacity.store import FILE
from agent.config import Settings
from agent.verbs.directory import FAILED, NOT_FOUND, OK, NoNode, directory_of

Output = Literal["text", "json"]


def capacity(settings: Settings, output: Output) -> int:
    """The exit code. Raises NoNode. What the agent learned in the last five minutes may be missing."""
    directory = directory_of(settings)
    path = directory / FILE
    try:
        week = msgspec.json.decode(path.read_bytes(), type=Week)
    except FileNotFoundError as error:
        hint = "nothing was learned yet; start its agent with herd-node --learn-capacity"
        raise NoNode(f"{directory.name}: {hint}", NOT_FOUND) from error
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoNode(f"{path} cannot be read: {error}", FAILED) from error
    known = hours(week, time.time())
    click.echo(msgspec.json.encode(known) if output == "json" else table(known))
    return OK


def table(known: list[Hour]) -> str:
    """Per cent of the machine by day and hour; a dot where nothing is known."""
    lines = ["    " + "".join(f"{hour:4d}" for hour in range(24))]
    for first in range(0, len(known), 24):
        day = known[first : first + 24]
        cells = "".join(f"{each.use_pct:4.0f}" if each.samples else "   ." for each in day)
        lines.append(f"{day[0].day} {cells}")
    return "\n".join(lines)
