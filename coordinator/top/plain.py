"""The picture as plain text, for pipes and screen readers. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from coordinator.top.glyphs import Glyphs
from coordinator.top.header import alerts_of, figures_line, title_line, unsafe_nodes
from coordinator.top.table import Fitted, fitted, heading, line, ordered
from coordinator.top.views import VIEWS, View

EVENTS_SHOWN = 10
LONGEST_LINE = 10_000


def plain_lines(
    picture: Mapping[str, Any], url: str, now: float, width: int, glyphs: Glyphs, only: str = ""
) -> Iterator[str]:
    """The fleet's figures, then a table for each view, or for `only` one. `width` 0: as wide as it needs."""
    room = width or LONGEST_LINE
    fleet = picture["fleet"]
    yield _text(title_line(fleet, url, now, [], min(room, 100), glyphs, unsafe_nodes(picture)))
    yield _text(figures_line(fleet, alerts_of(picture), room))
    for view in VIEWS:
        if only in ("", view.name):
            yield ""
            yield from _table(view, picture, now, room, glyphs)


def _table(view: View, picture: Mapping[str, Any], now: float, room: int, glyphs: Glyphs) -> Iterator[str]:
    rows = ordered(view.rows(picture, now, glyphs), view.order, backwards=view.backwards)
    if view.name == "events":
        rows = rows[:EVENTS_SHOWN]
    if not rows:
        yield f"{view.name}: {view.empty}"
        return
    columns: list[Fitted] = fitted(view.columns, rows, room)
    yield heading(columns, "", "").rstrip()
    for row in rows:
        yield _text(line(row, columns, glyphs.more))


def _text(pieces: list[tuple[str, str]]) -> str:
    return "".join(text for text, _ in pieces).rstrip()
