"""Waiting for a loaded model against loading it elsewhere."""

import pytest

from coordinator.core.warmth import better_wait


@pytest.mark.parametrize(
    ("ahead", "slots", "call_s", "load_s", "waits"),
    [
        (0, 1, 2.0, 10.0, True),
        (0, 1, 10.0, 10.0, False),
        (3, 1, 2.0, 10.0, True),
        (4, 1, 2.0, 10.0, False),
        (4, 2, 2.0, 10.0, True),
        (0, 1, None, 10.0, False),
        (0, 0, 2.0, 10.0, False),
        (0, 4, 60.0, 10.0, False),
    ],
)
def test_the_shorter_one(ahead: int, slots: int, call_s: float | None, load_s: float, waits: bool) -> None:
    assert better_wait(ahead, slots, call_s, load_s) is waits
