"""Tables of the terminal view as values: cells, rows, which columns a width has room for, order and filter. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rich.cells import cell_len, set_cell_size

GAP = 1
"""Columns between two cells."""
UNTOLD = (-1, 0.0, "")


class Cell(NamedTuple):
    """What stands there, its colour, and what it is ordered by (a number or a text; None: before all)."""

    text: str
    style: str = ""
    order: float | str | None = None


class Column(NamedTuple):
    """`rank`: the higher go first where there is no room. `most`: its greatest width."""

    title: str
    rank: int = 0
    right: bool = False
    most: int = 40
    least: int = 0
    """Where it gives way, its least width; 0: it does not."""


class Row(NamedTuple):
    """Cells by the title of their column."""

    key: str
    cells: Mapping[str, Cell]


class Fitted(NamedTuple):
    """A column and the width it got."""

    column: Column
    width: int


def fitted(columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[Fitted]:
    """Those for which `width` has room, in their order; what is left goes to the one that gives way."""
    wants = {each.title: _wanted(each, rows) for each in columns}
    kept = sorted(range(len(columns)), key=lambda at: (columns[at].rank, at))
    while len(kept) > 1 and sum(_least(columns[at], wants) + GAP for at in kept) - GAP > width:
        kept.pop()
    chosen = [columns[at] for at in sorted(kept)]
    spare = width - sum(_least(each, wants) + GAP for each in chosen) + GAP
    found = []
    for each in chosen:
        least = _least(each, wants)
        given = min(spare, wants[each.title] - least) if spare > 0 else 0
        spare -= given
        found.append(Fitted(each, least + given))
    return found


def line(row: Row, columns: Sequence[Fitted], more: str) -> list[tuple[str, str]]:
    """The row as pieces of text, each with its style; `more` ends what had to be cut."""
    pieces = []
    for number, (column, width) in enumerate(columns):
        cell = row.cells.get(column.title, Cell(""))
        if number:
            pieces.append((" " * GAP, ""))
        pieces.append((placed(cell.text, width, more, right=column.right), cell.style))
    return pieces


def heading(columns: Sequence[Fitted], sorted_by: str, mark: str) -> str:
    """Titles; `mark` stands at the one that the rows are ordered by."""
    titles = [
        placed(
            each.column.title + (mark if each.column.title == sorted_by else ""),
            *(each.width, ""),
            right=each.column.right,
        )
        for each in columns
    ]
    return (" " * GAP).join(titles)


def placed(text: str, width: int, more: str, *, right: bool = False) -> str:
    """In exactly so many cells, wide letters counted as two."""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, max(0, width - len(more))) + more[:width]
    return " " * (width - length) + text if right else text + " " * (width - length)


def ordered(rows: Iterable[Row], title: str, *, backwards: bool) -> list[Row]:
    """By a column; those that are equal stay as they are, what is not told is last."""
    told = list(rows)
    known = [row for row in told if _order(row, title) != UNTOLD]
    unknown = [row for row in told if _order(row, title) == UNTOLD]
    return sorted(known, key=lambda row: _order(row, title), reverse=backwards) + unknown


def matching(rows: Iterable[Row], pattern: str) -> list[Row]:
    """Those that have it in their texts, as a regular expression in any case; `!` at its start: those without.

    What is no regular expression is taken as it stands.
    """
    inverse, wanted = pattern.startswith("!"), pattern.removeprefix("!")
    if not wanted:
        return list(rows)
    found = _search(wanted)
    return [row for row in rows if found(" ".join((row.key, *_texts(row)))) != inverse]


def _search(wanted: str) -> Callable[[str], bool]:
    try:
        expression = re.compile(wanted, re.IGNORECASE)
    except re.error:
        expression = re.compile(re.escape(wanted), re.IGNORECASE)
    return lambda text: expression.search(text) is not None


def _texts(row: Row) -> Iterable[str]:
    return (cell.text for cell in row.cells.values())


def _order(row: Row, title: str) -> tuple[Any, ...]:
    cell = row.cells.get(title, Cell(""))
    value = cell.order if cell.order is not None else (cell.text or None)
    if value is None or value == "-":
        return UNTOLD
    return (1, 0.0, value.lower()) if isinstance(value, str) else (0, value, "")


def _wanted(column: Column, rows: Sequence[Row]) -> int:
    longest = max(
        (cell_len(row.cells[column.title].text) for row in rows if column.title in row.cells), default=0
    )
    return min(column.most, max(len(column.title) + 1, longest))


def _least(column: Column, wants: Mapping[str, int]) -> int:
    want = wants[column.title]
    return min(want, column.least) if column.least else want
