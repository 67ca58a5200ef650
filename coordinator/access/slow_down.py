"""Slows down whoever shows keys that are none."""

import time
from collections.abc import Callable

from coordinator.access.bad_tries import BadTries
from shared.errors import LimitReached


class SlowDown:
    """For the gate, at each key that nobody has."""

    def __init__(self, tries: BadTries, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` in seconds, never back."""
        self._tries = tries
        self._clock = clock

    def __call__(self, address: str) -> None:
        """Raises LimitReached where this address had too many within a minute."""
        if wait_s := self._tries.failed(address, self._clock()):
            raise LimitReached(
                "too many keys from this address that are unknown, expired or revoked (FLEET_BAD_KEYS)",
                retry_after=wait_s,
            )
