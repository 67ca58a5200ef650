"""`herd stop` where an engine hangs: it keeps nobody else waiting, and is named."""

from pathlib import Path

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.harness import fleet_of_fakes
from tests.fleet.verbs import Verb


async def has_nothing_loaded(fake: FakeEngine) -> bool:
    """By its own word."""
    return not (await fake.switches()).loaded


async def test_one_engine_that_hangs_and_is_killed(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1") as first,
        FakeEngine.run(["m"], loaded=["m"], name="node-2") as second,
        fleet_of_fakes(tmp_path, [first, second], settle_time=0) as fleet,
    ):
        first.stop_process()
        stop = await Verb.begin("coordinator", "stop", "m", "--url", fleet.address)
        await eventually(lambda: has_nothing_loaded(second))
        assert await stop.first_line() == "still waiting for the engines that have it in memory\n"
        first.kill()
        said = await stop.ended()
        assert (said.code, said.out) == (1, "stopped 'm' on node-2\n")
        assert said.err.startswith("herd: node-1: ")
