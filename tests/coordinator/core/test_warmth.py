"""Waiting for a loaded model against loading it elsewhere."""

import pytest

from coordinator.core.warmth import better_wait


@pytest.mark.parametrize(
    ("slots", "call_s", "load_s", "waits"),
    [
        (1, 2.0, 10.0, True),
        (1, 10.0, 10.0, False),
        (1, 30.0, 10.0, False),
        (4, 30.0, 10.0, True),
        (4, 60.0, 10.0, False),
        (0, 2.0, 10.0, False),
    ],
)
def test_the_shorter_one(slots: int, call_s: float, load_s: float, waits: bool) -> None:
    assert better_wait(slots, call_s, load_s) is waits
