"""The line of views above the table, and the line below it. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from coordinator.top.header import Piece
from coordinator.top.words import age
from shared.printable import printable

HINTS = {
    "nodes": "enter describe  u cordon  r drain  l log  / filter  s sort  ? keys  q quit",
    "models": "enter describe  / filter  s sort  w wide  p pause  ? keys  q quit",
    "requests": "enter explain  ctrl-k end  l log  / filter  s sort  p pause  ? keys  q quit",
    "events": "enter node  / filter  p pause  ? keys  q quit",
}
READ_ONLY_HINTS = "enter describe  l log  / filter  s sort  w wide  p pause  ? keys  q quit"


class Asked(Struct, frozen=True):
    """How the person has set the screen, and how the connection is."""

    filter: str
    shown: int
    count: int
    paused: bool
    read_only: bool
    trouble: str
    silent_s: float
    told: str
    view: str


def tabs_line(picture: Mapping[str, Any], view: str, asked: Asked, width: int) -> list[Piece]:
    """The four views with their counts; then filter, pause, read-only."""
    pieces: list[Piece] = []
    for number, name in enumerate(("nodes", "models", "requests", "events"), start=1):
        text = (
            f"[{number} {name} {len(picture[name])}]"
            if name == view
            else f" {number} {name} {len(picture[name])} "
        )
        pieces.append((text, "bold" if name == view else "dim"))
    if asked.filter:
        pieces.append((f"  /{printable(asked.filter)} ({asked.shown} of {asked.count})", "bold yellow"))
    if asked.paused:
        pieces.append(("  PAUSED", "bold yellow"))
    if asked.read_only:
        pieces.append(("  read only", "dim"))
    return _cut(pieces, width)


def status_line(asked: Asked, width: int) -> list[Piece]:
    """What is wrong, else what was just done, else which keys there are."""
    if asked.trouble:
        since = f"; this is {age(asked.silent_s)} old; trying again"
        trouble = _shortened(printable(asked.trouble), width - len(since) - 2)
        return _cut([("! ", "bold red"), (trouble + since, "bold red")], width)
    if asked.told:
        return _cut([(asked.told, "bold")], width)
    return _cut([(READ_ONLY_HINTS if asked.read_only else HINTS[asked.view], "dim")], width)


def _shortened(text: str, width: int) -> str:
    """Whole, or so that it is seen that it is not."""
    return text if len(text) <= width else f"{text[: max(0, width - 3)]}..."


def _cut(pieces: list[Piece], width: int) -> list[Piece]:
    kept, left = [], width
    for text, style in pieces:
        kept.append((text[: max(0, left)], style))
        left -= len(text)
    return kept
