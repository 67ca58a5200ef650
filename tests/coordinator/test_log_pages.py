"""The log, a page at a time: which lines, and where the next page begins."""

import io
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.log_pages import BLOCK, Page, Wanted, after, backwards, forwards, newest

ALL = Wanted()


def write(path: Path, *messages: str, **fields: str) -> None:
    """A line each, at the end."""
    with path.open("ab") as file:
        for message in messages:
            file.write(msgspec.json.encode({"level": "INFO", "msg": message} | fields) + b"\n")


def messages(page: Page) -> list[str]:
    return [line["msg"] for line in page.lines]


def test_the_newest_and_what_comes_after_them(tmp_path: Path) -> None:
    path = tmp_path / "herd.jsonl"
    write(path, "one", "two", "three")
    page = newest(path, ALL, 2)
    assert messages(page) == ["two", "three"]
    assert messages(after(path, ALL, page.after, 9)) == []
    write(path, "four", "five", "six")
    page = after(path, ALL, page.after, 2)
    assert messages(page) == ["four", "five"]
    assert messages(after(path, ALL, page.after, 2)) == ["six"]


def test_half_a_line_is_told_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "herd.jsonl"
    write(path, "one")
    with path.open("ab") as file:
        file.write(b'{"msg":')
    page = newest(path, ALL, 9)
    assert messages(page) == ["one"]
    with path.open("ab") as file:
        file.write(b'"two"}\nno json\n')
    assert messages(after(path, ALL, page.after, 9)) == ["two"]


def test_another_day_begins_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "herd.jsonl"
    write(path, "yesterday", "evening")
    page = newest(path, ALL, 9)
    path.rename(tmp_path / "herd.jsonl.2026-08-01")
    write(path, "today")
    assert messages(after(path, ALL, page.after, 9)) == ["today"]


def test_only_what_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "herd.jsonl"
    write(path, "a", node_id="n1", request_id="r1")
    write(path, "b", node_id="n2")
    write(path, "c", node_id="n1", level="ERROR")
    assert messages(newest(path, Wanted(node_id="n1"), 9)) == ["a", "c"]
    assert messages(newest(path, Wanted(request_id="r1"), 9)) == ["a"]
    assert messages(newest(path, Wanted(level="WARNING"), 9)) == ["c"]


@pytest.mark.parametrize("place", ["x", "1-x", "1", "1-2-3"])
def test_a_place_that_is_none(tmp_path: Path, place: str) -> None:
    path = tmp_path / "herd.jsonl"
    write(path, "a")
    with pytest.raises(ValueError, match="is no place"):
        after(path, ALL, place, 9)


def test_no_log(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        newest(tmp_path / "none", ALL, 9)


@given(st.text("ab\n", max_size=60).map(str.encode), st.integers(1, 9))
def test_lines_are_the_same_from_either_end(content: bytes, block: int) -> None:
    *whole, _ = content.split(b"\n")
    told = list(forwards(io.BytesIO(content), 0, len(content), block))
    assert [line for line, _ in told] == whole
    assert all(content[end - 1 : end] == b"\n" for _, end in told)
    assert list(backwards(io.BytesIO(content), 0, len(content), block)) == told[::-1]
    first = content.find(b"\n", 1) + 1
    assert list(backwards(io.BytesIO(content), 1, len(content), block)) == [
        each for each in told[::-1] if first and each[1] > first
    ]


class Counted(io.BytesIO):
    """Tells how much was read of it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Counts."""
        content = super().read(size)
        self.count += len(content)
        return content


def test_a_few_of_the_newest_lines_cost_no_more_than_a_block() -> None:
    file = Counted(b"a line\n" * 1_000_000)
    assert next(backwards(file, 0, 7_000_000)) == (b"a line", 7_000_000)
    assert file.count == BLOCK


def test_a_line_longer_than_a_block(tmp_path: Path) -> None:
    path = tmp_path / "herd.jsonl"
    write(path, "first", "x" * 3 * BLOCK, "last")
    page = newest(path, ALL, 2)
    assert [len(each) for each in messages(page)] == [3 * BLOCK, 4]
    assert messages(newest(path, ALL, 9))[0] == "first"
    assert messages(after(path, ALL, f"{path.stat().st_ino}-0", 2))[0] == "first"
