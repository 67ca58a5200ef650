"""Several nodes with one model, and many calls at once. Fake engines, each named as its node."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.fakes.control import FakeEngine
from tests.fleet.asking import WAYS, Reply, ask
from tests.fleet.harness import Herd, fleet_of_fakes


@asynccontextmanager
async def several(
    data_dir: Path, count: int, *, agents: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[tuple[Herd, list[FakeEngine]]]:
    """So many nodes with the model loaded; each fake is named as its node."""
    async with AsyncExitStack() as stack:
        fakes = [
            await stack.enter_async_context(
                FakeEngine.run(["m"], loaded=["m"], slots=64, name=f"node-{number}")
            )
            for number in range(1, count + 1)
        ]
        started = fleet_of_fakes(data_dir, fakes, slots=64, agents=agents, **settings)
        yield await stack.enter_async_context(started), fakes


def asked(herd: Herd, count: int) -> list[asyncio.Task[Reply]]:
    """So many calls at once, in all ways by turns."""
    ways = [WAYS[number % len(WAYS)] for number in range(count)]
    return [asyncio.create_task(ask(herd, dialect, stream=stream)) for dialect, stream in ways]


async def started(fakes: Sequence[FakeEngine]) -> int:
    """Calls that the engines have seen."""
    return sum([(await fake.state()).started for fake in fakes])


async def have_started(fakes: Sequence[FakeEngine], count: int) -> bool:
    """Whether the engines have seen so many calls."""
    return await started(fakes) == count
