"""An engine that does not say how many calls it does at once, over real programs."""

import asyncio
from pathlib import Path

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import ask, together
from tests.fleet.harness import fleet_of_fakes

TRUE = 2
CALLS = 10


async def test_what_an_engine_can_do_at_once_is_learned_and_not_passed_by_more_than_one(
    tmp_path: Path,
) -> None:
    sent = [0]

    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=TRUE, name="node-1", tokens=20, token_delay_s=0.05) as fake,
        fleet_of_fakes(tmp_path, [fake], slots=0) as herd,
    ):
        engine = (await herd.nodes())["node-1"]["engines"][0]
        assert (engine["slots_known"], engine["slots_per_model"]) == (False, 1)

        async def watch() -> None:
            while True:
                state = await fake.state()
                sent.append(state.active + state.waiting)
                await asyncio.sleep(0.02)

        watching = asyncio.create_task(watch())
        replies = await together(*(ask(herd, stream=True) for _ in range(CALLS)))
        watching.cancel()
        for reply in replies:
            reply.must_be_from("node-1")
        await eventually(herd.idle)
        assert (await fake.state()).max_active == TRUE
    assert TRUE <= max(sent) <= TRUE + 1
