"""Versions of Ollama and their holes, from plain values."""

import pytest

from shared.known_holes import FIXED, MENDED, known_holes, numbers


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.12.6", (0, 12, 6)),
        ("0.12.6-rc1", (0, 12, 6)),
        ("0.0.0", ()),
        ("0.12", ()),
        ("v0.12.6", ()),
        ("\u0660.\u0661.\u0662", ()),
        ("9" * 100_000, ()),
        ("", ()),
    ],
)
def test_a_version_is_three_numbers(version: str, expected: tuple[int, ...]) -> None:
    assert numbers(version) == expected


@pytest.mark.parametrize(
    ("version", "count"),
    [("0.1.28", 3), ("0.1.29", 2), ("0.1.33", 2), ("0.1.34", 1), ("0.17.0-rc2", 1), ("0.17.1", 0), ("", 0)],
)
def test_a_hole_is_there_until_the_version_that_mended_it(version: str, count: int) -> None:
    assert known_holes(version) == tuple(hole for _, hole in FIXED)[len(FIXED) - count :]


def test_the_version_to_bring_it_up_to_has_none() -> None:
    assert known_holes(MENDED) == ()
    assert [fixed for fixed, _ in FIXED] == sorted(fixed for fixed, _ in FIXED)
