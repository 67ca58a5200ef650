"""When a test that measures is tried again: it fails so many times here, and so much is said to be stolen each time."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.fakes.steal import STOLEN, TRIES, again_where_stolen, stolen_s

MUCH, LITTLE = STOLEN, STOLEN / 2


class Failing:
    """A test that fails the first `times`."""

    def __init__(self, times: int, shares: list[float], error: type[Exception] = AssertionError) -> None:
        self.directories: list[Path] = []

        async def test(*, tmp_path: Path) -> None:
            self.directories.append(tmp_path)
            if len(self.directories) <= times:
                raise error

        left = iter(shares)
        self.run: Callable[..., Awaitable[None]] = again_where_stolen(test, lambda _: next(left))


async def test_what_passes_is_not_tried_again(tmp_path: Path) -> None:
    test = Failing(0, [])
    await test.run(tmp_path=tmp_path)
    assert len(test.directories) == 1


async def test_a_failure_stands_where_little_was_stolen(tmp_path: Path) -> None:
    test = Failing(1, [LITTLE])
    with pytest.raises(AssertionError):
        await test.run(tmp_path=tmp_path)
    assert len(test.directories) == 1


async def test_it_is_tried_again_where_much_was_each_in_its_own_directory(tmp_path: Path) -> None:
    test = Failing(2, [MUCH, MUCH])
    await test.run(tmp_path=tmp_path)
    assert len(set(test.directories)) == 3
    assert all(directory.is_dir() for directory in test.directories)


async def test_the_last_one_counts_in_any_case(tmp_path: Path) -> None:
    test = Failing(TRIES, [MUCH] * TRIES)
    with pytest.raises(AssertionError):
        await test.run(tmp_path=tmp_path)
    assert len(test.directories) == TRIES


async def test_what_is_no_failed_expectation_is_never_tried_again(tmp_path: Path) -> None:
    test = Failing(1, [MUCH], ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        await test.run(tmp_path=tmp_path)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("cpu  1 2 3 4 5 6 7 250 0 0\ncpu0 9 9", 250), ("cpu 1 2 3 4", 0), ("", 0)],
)
def test_stolen_seconds_are_read_from_the_first_line(tmp_path: Path, text: str, seconds: int) -> None:
    path = tmp_path / "stat"
    path.write_text(text)
    assert stolen_s(path) == pytest.approx(seconds / os.sysconf("SC_CLK_TCK"))
    assert stolen_s(tmp_path / "none") == 0
