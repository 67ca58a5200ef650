"""What `herd top` costs while it stands there: a share of one core, at 30 nodes with calls on most."""

import asyncio
import contextlib
import fcntl
import os
import struct
import sys
import termios
from collections.abc import Iterator

import psutil
import pytest

from tests.fakes.imagining import imagined
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.alone

MOST_SHARE = 0.03
WARM_S, MEASURED_S = 4.0, 15.0
ROWS, COLUMNS = 48, 160


class Terminal:
    """A pseudo-terminal whose output is read and counted."""

    def __init__(self) -> None:
        self.ours, self.theirs = os.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.drawn = 0

    def read(self) -> None:
        """What has come."""
        self.drawn += len(os.read(self.ours, 2**16))

    @classmethod
    @contextlib.contextmanager
    def opened(cls) -> Iterator["Terminal"]:
        """Until the block ends."""
        terminal, loop = cls(), asyncio.get_running_loop()
        loop.add_reader(terminal.ours, terminal.read)
        try:
            yield terminal
        finally:
            loop.remove_reader(terminal.ours)
            os.close(terminal.ours)
            os.close(terminal.theirs)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
async def test_it_takes_less_than_three_hundredths_of_a_core() -> None:
    """CPU seconds of its process over wall seconds; other load on the machine does not count."""
    async with imagined(30) as url:
        with Terminal.opened() as terminal:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "coordinator", "top", "--url", url),
                stdin=terminal.theirs,
                stdout=terminal.theirs,
                stderr=terminal.theirs,
                env=os.environ | {"TERM": "xterm-256color"},
            )
            try:
                await eventually(lambda: terminal.drawn > COLUMNS * 10, 30)
                await asyncio.sleep(WARM_S)  # imports and the first drawing are over
                seen = psutil.Process(process.pid)
                before, drawn = seen.cpu_times(), terminal.drawn
                await asyncio.sleep(MEASURED_S)
                after = seen.cpu_times()
            finally:
                process.kill()
                await process.wait()
            assert terminal.drawn > drawn, "it stands still"
    share = (after.user + after.system - before.user - before.system) / MEASURED_S
    sys.stdout.write(f"herd top at 30 nodes: {share * 100:.1f} % of a core\n")
    assert share < MOST_SHARE
