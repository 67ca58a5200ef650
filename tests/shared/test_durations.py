"""Times as people type them."""

import pytest

from shared.durations import seconds, told


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("90", 90.0),
        ("30s", 30.0),
        ("10m", 600.0),
        ("1h30m", 5400.0),
        (" 2H ", 7200.0),
        ("1.5m", 90.0),
        ("0", 0.0),
        ("0s", 0.0),
        ("500ms", 0.5),
        ("1d", 86_400.0),
    ],
)
def test_what_is_understood(typed: str, meant: float) -> None:
    assert seconds(typed) == meant


@pytest.mark.parametrize("typed", ["", "soon", "-5m", "5 minutes", "m", "1h!", "nan", "inf", "1e9", "٣m"])
def test_what_is_not_is_told(typed: str) -> None:
    with pytest.raises(ValueError, match="is no time; write it as 30s, 10m or 1h30m"):
        seconds(typed)


def test_there_is_an_end() -> None:
    with pytest.raises(ValueError, match="more than a year"):
        seconds("9999d")


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0s"), (-3, "0s"), (59.6, "1m"), (600, "10m"), (5400, "1h30m"), (90_061, "1d1h1m1s")],
)
def test_and_told(number: float, words: str) -> None:
    assert told(number) == words
