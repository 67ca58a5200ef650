"""Deadlines of many connections with one timer: to set one is to write down a number."""

import asyncio
from typing import Protocol

EVERY_S = 0.5
"""How late a deadline may be kept."""


class Swept(Protocol):
    """What has deadlines."""

    def check(self, now: float) -> None:
        """Acts on those that have passed; seconds of the loop's clock."""
        ...


class Sweep:
    """Looks at its members twice a second; costs nothing while there are none."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._members: dict[Swept, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, member: Swept) -> None:
        """Until it is discarded. Inside a running loop."""
        self._members[member] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._every_s, self._look)

    def discard(self, member: Swept) -> None:
        """Whether it is there or not."""
        self._members.pop(member, None)

    def close(self) -> None:
        """Looks no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        for member in list(self._members):
            member.check(now)
        if self._members:
            self._timer = loop.call_later(self._every_s, self._look)
