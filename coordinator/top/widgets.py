"""Lines and tables as textual draws them: from pieces of text, each with its style. No change moves the layout."""

from collections.abc import Sequence
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from coordinator.top.cursor import kept, moved, scrolled
from coordinator.top.glyphs import Glyphs
from coordinator.top.table import Column, Fitted, Row, fitted, heading, line

WIDEST = 1_000
STEP = 8
"""Cells that the table moves sideways at once."""


class Lines(Widget):
    """Some lines, each cut or filled up to the width."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._told: list[list[tuple[str, str]]] = []

    def tell(self, told: list[list[tuple[str, str]]]) -> None:
        """Draws again only where something is different."""
        if told != self._told:
            self._told = told
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """textual asks for it."""
        pieces = self._told[y] if y < len(self._told) else []
        return strip(pieces, self.size.width, self.rich_style)


class FleetTable(Widget, can_focus=True):
    """Rows under a heading, with a cursor. Knows nothing of what they are about."""

    class Opened(Message):
        """A row was clicked."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="table")
        self._glyphs = glyphs
        self._rows: list[Row] = []
        self._keys: list[str] = []
        self._fitted: list[Fitted] = []
        self._heading = ""
        self._empty = ""
        self._top = 0
        self._left = 0
        self.cursor = ""
        """Key of the row where it stands; empty: there is none."""
        self.marked: set[str] = set()

    def show(
        self,
        rows: list[Row],
        columns: Sequence[Column],
        sorted_by: str,
        *,
        backwards: bool,
        wide: bool,
        empty: str,
    ) -> None:
        """From now on these. `empty`: what stands there where they are none; `wide`: all columns."""
        keys = [row.key for row in rows]
        self.cursor, self.marked = kept(keys, self._keys, self.cursor), self.marked & set(keys)
        self._rows, self._keys, self._empty = rows, keys, empty
        self._fitted = fitted(columns, rows, (WIDEST if wide else self.size.width) - 2)
        mark = self._glyphs.down if backwards else self._glyphs.up
        self._heading = heading(self._fitted, sorted_by, mark)
        self._left = self._left if wide else 0
        self.refresh()

    @property
    def titles(self) -> list[str]:
        """Of the columns that are seen."""
        return [each.column.title for each in self._fitted]

    def go(self, by: int) -> None:
        """The cursor, so many rows on."""
        self.cursor = moved(self._keys, self.cursor, by)
        self.refresh()

    def page(self) -> int:
        """Rows that are seen at once."""
        return max(1, self.size.height - 1)

    def aside(self, steps: int) -> None:
        """To the right, where the table is wider than the screen."""
        widest = sum(each.width + 1 for each in self._fitted)
        self._left = max(0, min(self._left + steps * STEP, widest - self.size.width))
        self.refresh()

    def mark(self) -> None:
        """Marks the row of the cursor, or takes its mark away, and goes on."""
        if self.cursor:
            self.marked ^= {self.cursor}
            self.go(1)

    def chosen(self) -> list[str]:
        """The marked rows, else the one of the cursor."""
        return [key for key in self._keys if key in self.marked] or ([self.cursor] if self.cursor else [])

    def render_line(self, y: int) -> Strip:
        """textual asks for it."""
        width = self.size.width
        if y == 0:
            return self._aside([(f"  {self._heading}", "bold")], width)
        if not self._rows:
            return strip([("  " + self._empty, "dim")] if y == 1 else [], width, self.rich_style)
        if y == 1:
            at = self._keys.index(self.cursor) if self.cursor in self._keys else 0
            self._top = scrolled(self._top, at, self.page(), len(self._rows))
        at = self._top + y - 1
        if at >= len(self._rows):
            return strip([], width, self.rich_style)
        row = self._rows[at]
        here = row.key == self.cursor
        sign = (">" if here else " ") + ("+" if row.key in self.marked else " ")
        pieces = [(sign, "bold"), *line(row, self._fitted, self._glyphs.more)]
        if here:  # colours that are turned round would tell bars wrongly
            return self._aside([(text, "bold") for text, _ in pieces], width).apply_style(style("reverse"))
        return self._aside(pieces, width)

    def _aside(self, pieces: list[tuple[str, str]], width: int) -> Strip:
        if not self._left:
            return strip(pieces, width, self.rich_style)
        return strip(pieces, width + self._left, self.rich_style).crop(self._left, width + self._left)

    def on_click(self, event: events.Click) -> None:
        """The row under the pointer; a second click opens it."""
        at = self._top + event.y - 1
        if event.y and at < len(self._keys):
            self.cursor = self._keys[at]
            self.refresh()
            if event.chain > 1:
                self.post_message(self.Opened())

    def on_mouse_scroll_down(self) -> None:
        """Three rows on."""
        self.go(3)

    def on_mouse_scroll_up(self) -> None:
        """Three rows back."""
        self.go(-3)


@lru_cache(256)
def style(words: str) -> Style:
    """Of rich, by its words."""
    return Style.parse(words)


def strip(pieces: Sequence[tuple[str, str]], width: int, background: Style) -> Strip:
    """In exactly `width` cells."""
    segments = [Segment(text, background + style(words)) for text, words in pieces if text]
    return Strip(segments).adjust_cell_length(width, background)
