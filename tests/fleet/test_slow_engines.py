"""Engines that are slow, and engines that do nothing any more: told apart by a sign of life. Fake engines."""

from functools import partial
from pathlib import Path

from tests.fakes.waiting import eventually
from tests.fleet.asking import together
from tests.fleet.several import asked, have_started, several, started


async def test_a_slow_first_token_is_no_failure(tmp_path: Path) -> None:
    """Eight seconds, eight times as long as it takes until the engine is asked whether it lives."""
    async with several(tmp_path, 2, probe_engine_after=1, connect_timeout=2) as (herd, fakes):
        for fake in fakes:
            await fake.switch(first_token_delay_s=8)
        for reply in await together(*asked(herd, 8)):
            reply.must_be_from(reply.node)
            assert reply.retries == 0
        assert await started(fakes) == 8
        asked_for_life = [(await fake.state()).by_path.get("/v1/models", 0) for fake in fakes]
        assert min(asked_for_life) >= 3
        assert not any(node["circuits"] for node in (await herd.nodes()).values())


async def test_an_engine_that_gives_no_sign_of_life_loses_its_calls(tmp_path: Path) -> None:
    """Its process is stopped: connections stay open, nothing ever comes."""
    async with several(tmp_path, 2, probe_engine_after=0.5, connect_timeout=1.5) as (herd, fakes):
        for fake in fakes:
            await fake.switch(first_token_delay_s=1)
        calls = asked(herd, 8)

        await eventually(partial(have_started, fakes, 8))
        fakes[0].stop_process()
        replies = await together(*calls)
        for reply in replies:
            reply.must_be_from("node-2")
        assert sum(reply.retries for reply in replies) == 4
