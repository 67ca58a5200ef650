"""An imagined fleet, started as a program."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def imagined(nodes: int) -> AsyncIterator[str]:
    """The address of such a fleet's coordinator."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fakes.imagined_fleet", "--nodes", str(nodes)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()
