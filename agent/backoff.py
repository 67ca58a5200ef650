"""When to start a process again that ended by itself. Pure."""

from collections.abc import Sequence

from msgspec import Struct

FIRST_S, LONGEST_S = 1.0, 60.0
FORGOTTEN_AFTER_S = 300.0
"""An exit so long ago says nothing about the next start."""
MOST_EXITS = 5
"""Within FORGOTTEN_AFTER_S: then it is quarantined."""
QUARANTINE_S = 600.0
"""Between tries of a quarantined one."""


def wait_before_start(exits: Sequence[float], now: float) -> float:
    """Seconds: none after the first exit, then 1, 2, 4 up to 60 while exits keep coming."""
    run, later = 0, now
    for at in reversed(exits):
        if later - at >= FORGOTTEN_AFTER_S:
            break
        run, later = run + 1, at
    return 0.0 if run <= 1 else min(LONGEST_S, FIRST_S * 2.0 ** min(run - 2, 6))


class Restarts(Struct, frozen=True):
    """The exits that count, and whether they were too many. One clock, in seconds."""

    exits: tuple[float, ...] = ()
    quarantined: bool = False

    def after_exit(self, lived_s: float, now: float, *, hopeless: bool = False) -> "Restarts":
        """`hopeless`: one exit is enough. Who was quarantined stays so until it has lived for FORGOTTEN_AFTER_S."""
        exits = (*(at for at in self.exits if now - at < FORGOTTEN_AFTER_S), now)
        again = self.quarantined and lived_s < FORGOTTEN_AFTER_S
        return Restarts(exits[-MOST_EXITS:], hopeless or again or len(exits) >= MOST_EXITS)

    def wait_s(self, now: float, quarantine_s: float = QUARANTINE_S) -> float:
        """Before the next start."""
        return quarantine_s if self.quarantined else wait_before_start(self.exits, now)
