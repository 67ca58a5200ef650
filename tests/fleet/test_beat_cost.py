"""What a beat costs its machine, all of it: readings, engine, and the sending to a real coordinator. A fake engine."""

import asyncio
import os
import statistics
import sys
from pathlib import Path

import msgspec
import pytest

from tests.benchmarks.yardstick import YARDSTICK_US, yardstick_us
from tests.fakes.control import FakeEngine
from tests.fakes.nvml import build_nvml
from tests.fakes.waiting import eventually
from tests.fleet.harness import REPOSITORY, fleet_of_fakes, herd

BEAT_MS = 5.0
"""On the machine of the yardstick."""
STEPS = 200
"""CPU time that a beat may cost."""
BATCHES, BEATS = 6, 20
MODELS = [f"m{number}:latest" for number in range(10)]
PROGRAM = """
import asyncio, json, sys, time
from pathlib import Path
import aiohttp
from agent.engines.ollama import Ollama
from agent.joining.plain import Plain
from agent.link import Link
from agent.route import Fixed
from agent.report import Reporter
from agent.sensors.gpu import GpuSensor
from agent.sensors.host import HostSensor
directory, coordinator, engine, batches, beats = sys.argv[1:]
now = [0.0]
clock = lambda: now[0]
async def main():
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
    async with session, aiohttp.ClientSession() as control:
        ollama = Ollama(engine, session, 4.0, {}, clock)
        gpu = GpuSensor(clock=clock)
        host = HostSensor(Path(directory))
        reporter = Reporter("n", 1, "a-secret-of-the-test", "", host, gpu, [ollama], lambda: False)
        route = Fixed(coordinator, lambda coordinator_id: None)
        link = Link(route, lambda: reporter.beat(9), Plain(control), 5.0, asyncio.Event())
        costs = []
        for _ in range(int(batches)):
            before = time.process_time()
            for _ in range(int(beats)):
                assert await link.announce()
                now[0] += 5.0  # so that what is asked by age is asked as often as in an agent's life
            costs.append((time.process_time() - before) * 1000 / int(beats))
        print(json.dumps({"costs_ms": costs, "gpus": len(gpu.read())}))
asyncio.run(main())
"""


class Told(msgspec.Struct):
    """What the program prints: ms of CPU for a beat in each batch."""

    costs_ms: list[float]
    gpus: int


@pytest.mark.alone
@pytest.mark.parametrize("gpus", [0, 2])
async def test_a_beat_costs_little(tmp_path: Path, gpus: int) -> None:
    environment = os.environ | {"LD_LIBRARY_PATH": str(build_nvml(tmp_path)), "STANDIN_GPUS": str(gpus)}
    async with FakeEngine.run(MODELS, loaded=MODELS[:2]) as fake, herd(tmp_path, open=True) as coordinator:
        before = statistics.median(yardstick_us() for _ in range(STEPS))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, str(tmp_path), coordinator.address, fake.address),
            *(str(BATCHES), str(BEATS)),
            cwd=REPOSITORY,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0
        (node,) = (await coordinator.nodes()).values()
        asked = (await fake.state()).by_path
    told = msgspec.json.decode(said, type=Told)
    slower = max(
        1.0, before / YARDSTICK_US, statistics.median(yardstick_us() for _ in range(STEPS)) / YARDSTICK_US
    )
    costs = ", ".join(f"{cost:.2f}" for cost in told.costs_ms)
    print(f"CPU of a beat with {told.gpus} GPUs: {costs} ms; the machine is {slower:.1f} times slower")  # noqa: T201 - the figure is the point
    assert told.gpus == len(node["gpus"]) >= gpus
    assert len(node["ollama"]["models_available"]) == len(MODELS)
    beats = BATCHES * BEATS
    assert asked["/api/ps"] == beats
    assert asked["/api/tags"] <= beats / 2 + 1
    assert asked["/api/version"] <= beats / 12 + 1
    assert asked["/api/show"] == len(MODELS)
    assert min(told.costs_ms) <= BEAT_MS * slower


async def test_beats_ask_the_engine_little(tmp_path: Path) -> None:
    """The same of a whole agent: one question a beat."""
    async with (
        FakeEngine.run(["m"], loaded=["m"]) as fake,
        fleet_of_fakes(tmp_path, [fake], agents={"heartbeat_interval": 0.05}),
    ):
        await fake.reset()

        async def thirty_beats() -> bool:
            return (await fake.state()).by_path.get("/api/ps", 0) >= 30

        await eventually(thirty_beats, 20)
        asked = (await fake.state()).by_path
    assert asked.get("/api/tags", 0) <= 2
    assert set(asked) <= {"/api/ps", "/api/tags", "/api/version"}
