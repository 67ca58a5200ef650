"""For tests that need the processor they measure with: whether this machine's host gave it to others meanwhile.

A virtual machine is told how long it wanted to run and did not (`steal` of /proc/stat, proc_stat(5)). A figure that was
taken while that was much is one of its neighbours, so it is taken again; where it was little, it stands.
"""

import functools
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

STOLEN = 0.15
"""Part of the processors' time from which on a figure tells nothing. Seen: 0.09 while nothing ran, 0.38 to 0.48 where
calls of 0.1 s took one.
"""
TRIES = 3
_STEAL = 8
"""Column of the first line."""


def stolen_s(stat: Path = Path("/proc/stat")) -> float:
    """Seconds since the machine's start, of all processors together; 0 where nobody tells."""
    try:
        columns = stat.read_text().split("\n", 1)[0].split()
    except OSError:
        return 0.0
    return int(columns[_STEAL]) / os.sysconf("SC_CLK_TCK") if len(columns) > _STEAL else 0.0


class Watch:
    """From its making on."""

    def __init__(self) -> None:
        self._began, self._stolen_s = time.monotonic(), stolen_s()

    def share(self) -> float:
        """Part of all processors' time that was stolen."""
        seconds = max(time.monotonic() - self._began, 0.01) * (os.cpu_count() or 1)
        return (stolen_s() - self._stolen_s) / seconds


def again_where_stolen(
    test: Callable[..., Awaitable[None]], share: Callable[[Watch], float] = Watch.share
) -> Callable[..., Awaitable[None]]:
    """A test that fails while much is stolen is tried again, TRIES times in all, each in a directory of its own. The
    last one counts in any case.
    """

    @functools.wraps(test)
    async def tried(*, tmp_path: Path, **others: Any) -> None:
        for number in range(1, TRIES + 1):
            directory = tmp_path / f"try-{number}"
            directory.mkdir()
            watch = Watch()
            try:
                await test(tmp_path=directory, **others)
            except AssertionError as error:
                stolen = share(watch)
                if stolen < STOLEN or number == TRIES:
                    raise
                print(f"once more, as {stolen:.0%} of the processors' time was stolen meanwhile: {error}")  # noqa: T201
            else:
                return

    return tried
