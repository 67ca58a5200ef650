"""The coordinator stops: every caller is told. A fake engine, real programs."""

import asyncio
import signal
from pathlib import Path

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import ask
from tests.fleet.harness import fleet_of_fakes


async def test_what_waits_gets_503_and_what_runs_is_told_inside_its_stream(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=4, tokens=10_000, token_delay_s=0.05) as fake,
        fleet_of_fakes(tmp_path, [fake], slots=1, stop_grace=0.5) as herd,
    ):
        running = asyncio.create_task(ask(herd, stream=True))
        await eventually(herd.in_flight)
        waiting = asyncio.create_task(ask(herd, stream=False))
        await eventually(herd.held)
        herd.signal(signal.SIGTERM)
        told = await waiting
        assert told.status == 503
        assert "stopping" in told.error
        assert told.headers["Retry-After"] == "5"
        cut = await running
        assert cut.status == 200
        assert "stopping" in cut.error
        assert await herd.exited(10) == 0


async def test_what_runs_may_finish(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", tokens=20, token_delay_s=0.05) as fake,
        fleet_of_fakes(tmp_path, [fake]) as herd,
    ):
        running = asyncio.create_task(ask(herd, stream=True))
        await eventually(herd.in_flight)
        herd.signal(signal.SIGTERM)
        (await running).must_be_from("node-1")
        assert await herd.exited(10) == 0
