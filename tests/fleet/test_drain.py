"""Stops: of an agent with calls running, of the coordinator, and who finds whom again. Fake engines."""

import asyncio
import signal
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import DIALECTS, Reply, Streaming, ask, together
from tests.fleet.harness import Herd, fleet_of_fakes, herd, node

SLOW: dict[str, Any] = {"token_delay_s": 0.2, "tokens": 15}
"""A stream of about three seconds."""
BEAT_S = 0.5
"""The harness's agents beat so often."""


async def begin_on(fleet: Herd, node_id: str, count: int) -> list[Streaming]:
    """So many streams on that node, in both dialects; as many on the others, which are aborted."""
    kept: list[Streaming] = []
    others: list[Streaming] = []
    while len(kept) < count:
        stream = await Streaming.begin(fleet, DIALECTS[len(kept) % 2])
        (kept if stream.node == node_id else others).append(stream)
    for stream in others:
        stream.abort()
    await eventually(lambda: has_running(fleet, count))
    return kept


async def has_running(fleet: Herd, count: int) -> bool:
    """Whether exactly so many calls run."""
    return await fleet.in_flight() == count


async def told(fleet: Herd, node_id: str) -> tuple[str, str, bool]:
    """What the fleet says of a node: status, state, draining."""
    found = (await fleet.nodes())[node_id]
    return found["status"], found["state"], found["draining"]


def all_rest(streams: list[Streaming]) -> "asyncio.Future[list[Reply]]":
    """Their whole answers."""
    return asyncio.gather(*(stream.rest() for stream in streams))


async def is_told(fleet: Herd, node_id: str, expected: tuple[str, str, bool]) -> bool:
    """Whether the fleet says that of the node."""
    return await told(fleet, node_id) == expected


async def test_calls_to_a_fleet_whose_only_node_drains_are_refused(tmp_path: Path) -> None:
    """A fake engine. 503 with Retry-After: at once, or after the time that a call may wait."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-1", **SLOW) as fake,
        fleet_of_fakes(tmp_path, [fake], slots=16, hold_timeout=0.5) as fleet,
    ):
        streams = await begin_on(fleet, "node-1", 1)
        fleet.agents["node-1"].signal(signal.SIGTERM)
        await eventually(lambda: is_told(fleet, "node-1", ("online", "draining", True)), 2)
        for dialect in DIALECTS:
            reply = await ask(fleet, dialect)
            assert reply.status == 503, reply.raw
            assert int(reply.headers["Retry-After"]) >= 1
            assert "node-1 is draining" in reply.error
        for stream in await all_rest(streams):
            stream.must_be_from("node-1")
        assert await fleet.agents["node-1"].exited(3) == 0


async def test_a_drain_does_not_wait_for_ever(tmp_path: Path) -> None:
    """A fake engine that hangs in the middle of its answers: their callers are told, and the agent ends."""
    agents = {"drain_timeout": 1}
    async with (
        FakeEngine.run(
            ["m"], loaded=["m"], slots=9, name="node-1", token_delay_s=0.1, hang_after_chunks=2
        ) as fake,
        fleet_of_fakes(tmp_path, [fake], agents=agents) as fleet,
    ):
        streams = await begin_on(fleet, "node-1", 2)
        started = time.monotonic()
        fleet.agents["node-1"].signal(signal.SIGTERM)
        replies = await asyncio.wait_for(all_rest(streams), 6)
        for reply in replies:
            assert reply.error
            assert not reply.complete
        assert await fleet.agents["node-1"].exited(3) == 0
        assert 0.9 < time.monotonic() - started < 5
        await eventually(lambda: is_told(fleet, "node-1", ("offline", "left", True)), 2)
        await eventually(fleet.idle, 1)


async def test_a_coordinator_with_nothing_to_do_ends_at_once(tmp_path: Path) -> None:
    """A fake engine. Idle connections of callers and agents do not keep it."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake]) as fleet,
    ):
        (await ask(fleet)).must_be_from("node-1")
        fleet.signal(signal.SIGTERM)
        assert await fleet.exited(3) == 0


async def test_an_agent_keeps_trying_until_there_is_a_coordinator(tmp_path: Path) -> None:
    """A fake engine. The agent is there first; later the coordinator is killed and starts anew."""
    async with herd(tmp_path / "before") as none_yet:
        address = none_yet.address
    port = urlsplit(address).port
    assert port
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1") as fake,
        node(tmp_path, address, "node-1", ollama=fake.address, heartbeat_interval=BEAT_S, open=True) as agent,
    ):
        await eventually(lambda: "no coordinator at" in agent.log.read_text(), 10)
        async with herd(tmp_path / "first", port=port, open=True) as fleet:
            await eventually(lambda: is_ready(fleet), 2 * BEAT_S + 1)
            (await ask(fleet)).must_be_from("node-1")
            await fleet.kill()
        async with herd(tmp_path / "second", port=port, open=True) as fleet:
            await eventually(lambda: is_ready(fleet), 2 * BEAT_S + 1)
            (await ask(fleet)).must_be_from("node-1")
        assert agent.process.returncode is None


async def is_ready(fleet: Herd) -> bool:
    """Whether node-1 is there and can be called."""
    return bool((await fleet.nodes()).get("node-1", {}).get("state") == "ready")


async def test_a_call_right_after_the_coordinators_start_waits_for_its_node(tmp_path: Path) -> None:
    """A fake engine. The model is unknown for a moment: the call is held, not refused."""
    async with herd(tmp_path / "before") as none_yet:
        address = none_yet.address
    port = urlsplit(address).port
    assert port
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1") as fake,
        node(tmp_path, address, "node-1", ollama=fake.address),
        herd(tmp_path, port=port) as fleet,
    ):
        for reply in await together(*(ask(fleet, dialect) for dialect in DIALECTS)):
            reply.must_be_from("node-1")
