"""Two nodes, one of which fails before its first byte: every call gets a good answer from the other. Fake engines."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import WAYS, Dialect, Reply, ask, together
from tests.fleet.harness import TURNS, Herd, fleet_of_fakes

CALLS = 12
TRIES = 6
"""The bad engine may be asked so often for twelve calls."""
FAULTS: dict[str, dict[str, Any]] = {
    "reset": {"reset_before": True},
    "status 500": {"fail_status": 500},
    "busy": {"busy_503": True},
    "empty or half an answer": {"close_after_chunks": 0},
}
MODELS = [f"{dialect}-{stream}-{how}" for dialect, stream in WAYS for how in ("one-by-one", "at-once")]
"""One for each round, since a node's trouble is remembered by model."""


@asynccontextmanager
async def two_nodes(data_dir: Path) -> AsyncIterator[tuple[Herd, FakeEngine, FakeEngine]]:
    """node-1, which is asked first and is to fail, and node-2; each fake is named as its node."""
    async with (
        FakeEngine.run(MODELS, loaded=MODELS, slots=64, name="node-1") as bad,
        FakeEngine.run(MODELS, loaded=MODELS, slots=64, name="node-2") as good,
        # One beat at the start: none may tell of a failure before a call has met it.
        fleet_of_fakes(data_dir, [bad, good], agents={"heartbeat_interval": 12}, policy=TURNS) as herd,
    ):
        yield herd, bad, good


async def rounds(herd: Herd, dialect: Dialect, *, stream: bool) -> AsyncIterator[list[Reply]]:
    """Twelve calls one after another, then twelve at once."""
    model = f"{dialect}-{stream}-one-by-one"
    yield [await ask(herd, dialect, stream=stream, model=model) for _ in range(CALLS)]
    model = f"{dialect}-{stream}-at-once"
    yield await together(*(ask(herd, dialect, stream=stream, model=model) for _ in range(CALLS)))


def must_all_be_from_the_good_one(replies: list[Reply]) -> int:
    """How many of them were tried elsewhere first."""
    assert len(replies) == CALLS
    for reply in replies:
        reply.must_be_from("node-2")
        assert reply.retries in (0, 1)
    return sum(reply.retries for reply in replies)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_node_that_fails_before_its_first_byte_costs_no_call(tmp_path: Path, fault: str) -> None:
    """Fake engines. The header's retries add up to the calls that the bad engine saw."""
    async with two_nodes(tmp_path) as (herd, bad, _):
        await bad.switch(**FAULTS[fault])
        for dialect, stream in WAYS:
            async for replies in rounds(herd, dialect, stream=stream):
                tried = must_all_be_from_the_good_one(replies)
                assert 1 <= tried <= TRIES
                assert (await bad.state()).started == tried
                await bad.reset()
        assert await herd.idle()


async def test_a_dead_engine_behind_a_live_gateway_costs_no_call(tmp_path: Path) -> None:
    """Fake engines; one is killed, its agent lives on."""
    async with two_nodes(tmp_path) as (herd, bad, _):
        await eventually(lambda: all_silent(herd))
        bad.kill()
        await bad.exited()
        for dialect, stream in WAYS:
            async for replies in rounds(herd, dialect, stream=stream):
                assert 1 <= must_all_be_from_the_good_one(replies) <= TRIES
        nodes = await herd.nodes()
        assert nodes["node-1"]["status"] == "online", "an engine's failure is not the node's"
        assert await herd.idle()


async def test_a_dead_gateway_costs_no_call(tmp_path: Path) -> None:
    """Fake engines; one agent is killed. One broken connection is enough to leave the whole node alone."""
    async with two_nodes(tmp_path) as (herd, bad, _):
        await herd.agents["node-1"].kill()
        tried = 0
        for dialect, stream in WAYS:
            async for replies in rounds(herd, dialect, stream=stream):
                tried += must_all_be_from_the_good_one(replies)
        assert tried == 1
        node = (await herd.nodes())["node-1"]
        assert (node["status"], node["state"]) == ("degraded", "suspect")
        assert (await bad.state()).started == 0


async def test_a_gateway_killed_under_calls_that_wait_for_their_answer(tmp_path: Path) -> None:
    """Fake engines. Eight calls, half of them on the node that is killed: all are answered by the other."""
    async with two_nodes(tmp_path) as (herd, bad, good):
        await bad.switch(first_token_delay_s=30)
        await good.switch(first_token_delay_s=2)

        def asked(dialect: Dialect, *, stream: bool) -> asyncio.Task[Reply]:
            return asyncio.create_task(ask(herd, dialect, stream=stream, model=MODELS[0]))

        calls = []
        for dialect, stream in WAYS:  # the nodes take turns, so that one call of each kind goes to either
            for fake in (bad, good):
                before = (await fake.state()).started
                calls.append(asked(dialect, stream=stream))
                await eventually(partial(has_started, fake, before + 1))
        await herd.agents["node-1"].kill()
        for bound_elsewhere, reply in zip([1, 0] * len(WAYS), await together(*calls), strict=True):
            reply.must_be_from("node-2")
            assert reply.retries == bound_elsewhere


async def all_silent(herd: Herd) -> bool:
    """Whether the beats of the start are over."""
    return all(node["heartbeat_age_s"] > 0.3 for node in (await herd.nodes()).values())


async def has_started(fake: FakeEngine, count: int) -> bool:
    """Whether the fake has seen so many calls."""
    return (await fake.state()).started >= count


@pytest.mark.parametrize("fault", FAULTS)
async def test_one_node_alone_fails_honestly(tmp_path: Path, fault: str) -> None:
    """A fake engine. Nothing was sent yet, so the status is the error's, the body the dialect's."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", **FAULTS[fault]) as bad,
        fleet_of_fakes(tmp_path, [bad]) as herd,
    ):
        for number, (dialect, stream) in enumerate(WAYS, start=1):
            reply = await ask(herd, dialect, stream=stream)
            assert reply.status == (503 if fault == "busy" else 502), reply.raw
            assert reply.headers["Content-Type"].startswith("application/json")
            assert "node-1" in reply.error
            assert ("Retry-After" in reply.headers) == (fault == "busy")
            assert (await bad.state()).started == number, "one node is not asked twice for one call"
        assert await herd.idle()


async def test_one_dead_gateway_alone_fails_honestly(tmp_path: Path) -> None:
    """A fake engine; the only agent is killed."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake]) as herd,
    ):
        await herd.agents["node-1"].kill()
        for dialect, stream in WAYS:
            reply = await ask(herd, dialect, stream=stream)
            assert reply.status == 502, reply.raw
            assert "node-1" in reply.error
        assert await herd.idle()
