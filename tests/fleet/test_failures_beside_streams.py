"""One call fails in any way; the other streams of the same node do not notice. A played engine, real programs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.fakes.waiting import eventually
from tests.fleet.failing_plays import (
    BEFORE_A_BYTE,
    BESIDE,
    IN_THE_MIDDLE,
    leaves_in_its_middle,
    plays,
    streams_beside,
)
from tests.fleet.harness import Herd, herd, node
from tests.fleet.played import Played, Steady, chat, line, playing

SLOTS = 64


@asynccontextmanager
async def one_node(data_dir: Path, engine: Played, **settings: Any) -> AsyncIterator[Herd]:
    """A coordinator and a node with many places, before a played engine."""
    async with (
        herd(data_dir, **settings) as coordinator,
        node(data_dir, coordinator.address, "node-1", ollama=engine.address, slots=SLOTS),
    ):
        await coordinator.ready("node-1")
        yield coordinator


async def test_no_failing_call_touches_the_streams_beside_it(tmp_path: Path) -> None:
    """Through one coordinator, one gateway and their pools."""
    steady, seen = Steady(), asyncio.Event()
    async with (
        playing(plays(steady, seen)) as engine,
        one_node(tmp_path, engine, circuit_failures=1000) as fleet,
    ):
        url = f"{fleet.address}/api/chat"
        async with streams_beside(fleet.session, url, steady, {}):
            for name in BEFORE_A_BYTE:
                async with fleet.session.post(url, json=chat(name)) as response:
                    assert response.status >= 500, name
                    assert (await response.json())["error"], name
            for name in IN_THE_MIDDLE:
                async with fleet.session.post(url, json=chat(name)) as response:
                    assert response.status == 200
                    assert await response.content.readline() == line("begun"), name
                    seen.set()
                    *_, last = (await response.read()).splitlines()
                    assert b'"error"' in last, name
            await leaves_in_its_middle(fleet.session, url, engine, {})

            async def only_they_are_left() -> bool:
                return await fleet.in_flight() == BESIDE

            await eventually(only_they_are_left)
        await eventually(fleet.idle)
