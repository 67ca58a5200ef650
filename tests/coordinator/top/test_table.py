"""Which columns fit, and rows in order and filtered."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from coordinator.top.cursor import kept, moved, scrolled
from coordinator.top.glyphs import ASCII, UNICODE, bar, sparkline
from coordinator.top.table import Cell, Column, Row, fitted, heading, line, matching, ordered, placed

COLUMNS = (Column("NAME", 0, least=6, most=20), Column("RUN", 1, right=True), Column("NOTE", 2, most=30))


def a_row(name: str, run: int | None = 0, note: str = "") -> Row:
    """A row of that name."""
    cells = {"NAME": Cell(name), "RUN": Cell("-" if run is None else str(run), order=run), "NOTE": Cell(note)}
    return Row(name, cells)


def drawn(rows: list[Row], width: int) -> list[str]:
    """As text."""
    columns = fitted(COLUMNS, rows, width)
    return [heading(columns, "", ""), *("".join(text for text, _ in line(row, columns, "…")) for row in rows)]


def test_columns_go_by_rank_where_there_is_no_room() -> None:
    rows = [a_row("a-long-name", 12, "something said")]
    assert drawn(rows, 40) == ["NAME         RUN NOTE          ", "a-long-name   12 something said"]
    assert drawn(rows, 20) == ["NAME         RUN", "a-long-name   12"]
    assert drawn(rows, 12) == ["NAME     RUN", "a-long…   12"]
    assert drawn(rows, 8) == ["NAME    ", "a-long-…"]


@given(st.lists(st.text(max_size=40), max_size=4), st.integers(8, 200))
def test_a_line_is_never_wider_than_the_screen(names: list[str], width: int) -> None:
    rows = [a_row(name.replace("\n", ""), 3, "x" * len(name)) for name in names if name.isprintable()]
    assert all(cell_len(each) <= width for each in drawn(rows, width))


def test_wide_letters_take_two_cells() -> None:
    assert placed("漢字", 6, "…") == "漢字  "
    assert cell_len(placed("漢字漢字", 5, "…")) == 5


def test_numbers_are_ordered_as_numbers_and_what_is_not_told_is_last() -> None:
    rows = [a_row("b", 10), a_row("a", 9), a_row("c", None)]
    assert [row.key for row in ordered(rows, "RUN", backwards=True)] == ["b", "a", "c"]
    assert [row.key for row in ordered(rows, "RUN", backwards=False)] == ["a", "b", "c"]
    assert [row.key for row in ordered(rows, "NAME", backwards=False)] == ["a", "b", "c"]


def test_filters() -> None:
    rows = [a_row("tower-1", note="Busy"), a_row("laptop-2", note="ready"), a_row("a(b")]
    found = {
        text: [row.key for row in matching(rows, text)] for text in ("", "TOW|lap", "!busy", "(", "!", "x")
    }
    assert found[""] == found["!"] == ["tower-1", "laptop-2", "a(b"]
    assert found["TOW|lap"] == ["tower-1", "laptop-2"]
    assert found["!busy"] == ["laptop-2", "a(b"]
    assert found["("] == ["a(b"]
    assert found["x"] == []


def test_the_cursor_stays_with_its_row_and_else_at_its_place() -> None:
    assert kept(["a", "b", "c"], ["a", "c"], "c") == "c"
    assert kept(["a", "c"], ["a", "b", "c"], "b") == "c"
    assert kept(["a"], ["a", "b"], "b") == "a"
    assert kept([], ["a"], "a") == ""
    assert kept(["x"], [], "") == "x"


def test_the_cursor_moves_to_the_ends_and_no_further() -> None:
    assert moved(["a", "b"], "a", 5) == "b"
    assert moved(["a", "b"], "b", -5) == "a"
    assert moved([], "b", 1) == ""


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 20), st.integers(1, 50))
def test_the_row_of_the_cursor_is_always_seen(top: int, at: int, height: int, count: int) -> None:
    at = min(at, count - 1)
    first = scrolled(top, at, height, count)
    assert first <= at < first + height
    assert 0 <= first <= max(0, count - height)


@given(st.floats(-1, 2), st.integers(1, 20))
def test_bars_fill_their_width(share: float, width: int) -> None:
    for glyphs in (UNICODE, ASCII):
        assert len(bar(share, width, glyphs)) == width


def test_bars_and_lines_of_figures() -> None:
    assert [bar(share, 4, ASCII) for share in (0.0, 0.5, 1.0)] == ["....", "##..", "####"]
    assert bar(0.5625, 4, UNICODE) == "██▎░"
    assert sparkline([0, 1, 50, 100], 6, UNICODE) == "   ▁▄█"
    assert sparkline([1, 2, 3], 2, ASCII) == "+@"
    assert sparkline([], 3, UNICODE) == "   "
