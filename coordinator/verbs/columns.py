"""Tables as text that stands under its headings: for a person, and for awk. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from shared.printable import printable

GAP = "   "
NOTHING = "-"
"""What stands for an empty cell, so that columns can be counted."""


class Table(NamedTuple):
    """Headings and rows of as many cells."""

    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def lines(self, *, headings: bool = True) -> list[str]:
        """Each column as wide as its widest cell; no line ends in blanks. Cells come from other machines."""
        shown = [tuple(printable(cell) or NOTHING for cell in row) for row in self.rows]
        everything = [self.headings, *shown] if headings else shown
        widths = [max(map(cells, column)) for column in zip(*everything, strict=True)]
        return [_line(row, widths) for row in everything]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(
        cell + " " * (width - cells(cell)) for cell, width in zip(row, widths, strict=True)
    ).rstrip()


def cells(text: str) -> int:
    """How many columns of a terminal it takes: wide letters take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def number(value: float | None, digits: int = 0) -> str:
    """`12.3`; nothing for none."""
    return "" if value is None else f"{value:.{digits}f}"
