"""When to start a process again that ended by itself. Pure."""

from collections.abc import Sequence

FIRST_S, LONGEST_S = 1.0, 60.0
FORGOTTEN_AFTER_S = 300.0
"""An exit so long ago says nothing about the next start."""


def wait_before_start(exits: Sequence[float], now: float) -> float:
    """Seconds: none after the first exit, then 1, 2, 4 up to 60 while exits keep coming."""
    run, later = 0, now
    for at in reversed(exits):
        if later - at >= FORGOTTEN_AFTER_S:
            break
        run, later = run + 1, at
    return 0.0 if run <= 1 else min(LONGEST_S, FIRST_S * 2.0 ** min(run - 2, 6))
