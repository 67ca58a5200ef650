"""Engines that fail after their first byte: no retry, and an end that the caller can read. Fake engines."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.faults import MID_STREAM
from tests.fleet.asking import DIALECTS, Dialect, Streaming, ask, together
from tests.fleet.harness import TURNS, Herd, fleet_of_fakes

BREAKS: dict[str, dict[str, Any]] = {
    "reset": {"reset_after_chunks": 2},
    "reset in a line": {"reset_after_chunks": 2, "cut_mid_line": True},
    "closed": {"close_after_chunks": 2},
    "closed in a line": {"close_after_chunks": 2, "cut_mid_line": True},
    "hanging": {"hang_after_chunks": 2},
    "hanging in a line": {"hang_after_chunks": 2, "cut_mid_line": True},
}
MODELS = [f"{dialect} {name}".replace(" ", "-") for dialect in DIALECTS for name in BREAKS]
"""One for each case, since a node's trouble is remembered by model."""
SHORT: dict[str, Any] = {"token_delay_s": 0.1, "first_token_delay_s": 0.1}
"""Slow enough for the chunks before a break to arrive before it."""


@asynccontextmanager
async def two_nodes(data_dir: Path, **settings: Any) -> AsyncIterator[tuple[Herd, FakeEngine, FakeEngine]]:
    """node-1, which is asked first and is to fail, and node-2; each fake is named as its node."""
    async with (
        FakeEngine.run(MODELS, loaded=MODELS, slots=64, name="node-1", **SHORT) as bad,
        FakeEngine.run(MODELS, loaded=MODELS, slots=64, name="node-2", **SHORT) as good,
        fleet_of_fakes(data_dir, [bad, good], policy=TURNS, **settings) as herd,
    ):
        yield herd, bad, good


@pytest.mark.parametrize("name", BREAKS)
async def test_a_stream_that_breaks_ends_with_an_error_the_caller_can_read(tmp_path: Path, name: str) -> None:
    """Fake engines. OpenAI has no word for the end that every engine sends: a clean close counts as one there."""
    async with two_nodes(tmp_path, stale_timeout=1) as (herd, bad, good):
        await bad.switch(**BREAKS[name])
        for dialect in DIALECTS:
            if (dialect, name) == ("openai", "closed"):
                continue
            reply = await ask(herd, dialect, stream=True, model=f"{dialect} {name}".replace(" ", "-"))
            assert reply.status == 200
            assert (reply.node, reply.retries) == ("node-1", 0)
            assert reply.error
            assert not reply.complete, reply.raw
            assert len(reply.frames) == 3, reply.raw
            assert reply.text.startswith("node-1")
        assert (await bad.state()).started == len(DIALECTS) - (name == "closed")
        assert (await good.state()).started == 0, "after the first byte no other node may be tried"
        assert await herd.idle()


async def test_an_engine_that_closes_an_openai_stream_before_done_is_told_of(tmp_path: Path) -> None:
    """A fake engine. No finish_reason and no [DONE]: a caller must not take the part for the whole."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", close_after_chunks=2, **SHORT) as fake,
        fleet_of_fakes(tmp_path, [fake]) as herd,
    ):
        reply = await ask(herd, "openai", stream=True)
        assert reply.error
        assert not reply.complete


async def test_an_engines_own_error_in_a_stream_passes_as_it_is(tmp_path: Path) -> None:
    """A fake engine."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", error_after_chunks=2, **SHORT) as fake,
        fleet_of_fakes(tmp_path, [fake]) as herd,
    ):
        for dialect in DIALECTS:
            reply = await ask(herd, dialect, stream=True)
            assert reply.error == MID_STREAM


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_whole_answer_that_breaks_off_is_had_from_the_other_node(
    tmp_path: Path, dialect: Dialect
) -> None:
    """Fake engines. The part was kept back, so the caller has seen no byte."""
    async with two_nodes(tmp_path) as (herd, bad, good):
        for fake in (bad, good):
            await fake.switch(**dict.fromkeys(SHORT))
        for model, name in zip(
            MODELS, ("reset", "closed", "reset in a line", "closed in a line"), strict=False
        ):
            await bad.switch(reset_after_chunks=None, close_after_chunks=None)
            await bad.switch(**BREAKS[name])
            reply = await ask(herd, dialect, model=model)
            reply.must_be_from("node-2")
            assert reply.retries == 1


async def test_a_stream_that_never_begins_is_left_for_the_other_node(tmp_path: Path) -> None:
    """Fake engines. Stuck before the first byte: the error tree says that another node may be tried."""
    async with two_nodes(tmp_path, stale_timeout=1) as (herd, bad, _):
        await bad.switch(hang=True)
        for dialect, model in zip(DIALECTS, MODELS, strict=False):
            reply = await ask(herd, dialect, stream=True, model=model)
            reply.must_be_from("node-2")
            assert reply.retries == 1


async def test_an_engine_that_never_begins_ends_in_504_where_it_is_alone(tmp_path: Path) -> None:
    """A fake engine."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", slots=9, hang=True) as fake,
        fleet_of_fakes(tmp_path, [fake], stale_timeout=1) as herd,
    ):
        replies = await together(
            *(ask(herd, dialect, stream=stream) for dialect in DIALECTS for stream in (False, True))
        )
        for reply in replies:
            assert reply.status == 504, reply.raw
            assert ("no progress for 1 s" if reply.stream else "no answer within 1 s") in reply.error
        assert await herd.idle()


@pytest.mark.parametrize("fault", ["fail_status", "reset_before"])
async def test_one_failing_call_leaves_the_nodes_other_streams_alone(tmp_path: Path, fault: str) -> None:
    """A fake engine with three slow streams and a path that fails."""
    paths = ["/api/generate"]
    switches = {"fail_status": 500} if fault == "fail_status" else {"reset_before": True}
    slow: dict[str, Any] = {"token_delay_s": 0.1, "tokens": 10}
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=8, name="node-1", **slow) as fake,
        fleet_of_fakes(tmp_path, [fake], slots=8) as herd,
    ):
        await fake.switch(fail_paths=paths, **switches)
        streams = [await Streaming.begin(herd, dialect) for dialect in ("ollama", "openai", "ollama")]
        failing = {"model": "m", "prompt": "hello", "stream": False}
        async with herd.session.post(f"{herd.address}/api/generate", json=failing) as response:
            assert response.status == 502
        assert await herd.in_flight() == 3, "the streams must still be running for this to say anything"
        for reply in await asyncio.gather(*(stream.rest() for stream in streams)):
            reply.must_be_from("node-1")
            assert "error" not in reply.raw.decode()
