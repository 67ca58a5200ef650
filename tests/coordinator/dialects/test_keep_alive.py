"""When `keep_alive` asks that a model be unloaded."""

import pytest
from msgspec import Raw

from coordinator.dialects.keep_alive import unloads


@pytest.mark.parametrize(
    "value",
    ["0", "-0", "0.0", "0e9", '"0"', '"0s"', '"0m"', '"-0ms"', '"0h0m0.0s"', '"0\u00b5s"', '"0\u03bcs"'],
)
def test_no_time_at_all(value: str) -> None:
    assert unloads(Raw(value.encode()))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "null",
        "1",
        "-1",
        "0.5",
        '"5m"',
        '"-1"',
        '"0h1s"',
        '"10s"',
        '""',
        '"zero"',
        "true",
        "false",
        "[]",
        "{",
    ],
)
def test_some_time_none_given_or_no_duration(value: str) -> None:
    assert not unloads(Raw(value.encode()))
