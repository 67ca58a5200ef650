"""A node that is drained with 50 streams open: by `herd drain`, by `herd-node drain`, by SIGTERM. Fake engines."""

import asyncio
import signal
import time
from pathlib import Path
from typing import Any, Literal

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import DIALECTS, Reply, Streaming, ask
from tests.fleet.harness import Herd, fleet_of_fakes
from tests.fleet.verbs import Said, Verb, verb

STREAMS = 50
SLOW: dict[str, Any] = {"token_delay_s": 0.4, "tokens": 60}
"""A stream that lasts until the engine is told to hurry."""
BY_THEN_S = 1.0
"""After an order: from here on, no new call."""

Way = Literal["herd drain", "herd-node drain", "SIGTERM"]


async def streams_on_first(fleet: Herd) -> list[Streaming]:
    """All open at node-1, in both dialects."""
    await order(fleet, "node-2", "cordon")
    begun = [Streaming.begin(fleet, DIALECTS[number % 2]) for number in range(STREAMS)]
    streams = await asyncio.gather(*begun)
    assert {stream.node for stream in streams} == {"node-1"}
    await order(fleet, "node-2", "uncordon")
    return list(streams)


async def order(fleet: Herd, node_id: str, what: str) -> None:
    """As the verb does it."""
    async with fleet.session.post(f"{fleet.address}/fleet/nodes/{node_id}/{what}", json={}) as response:
        assert response.status == 200, await response.text()


async def chats(fake: FakeEngine) -> int:
    """That the engine was ever asked for."""
    asked = (await fake.state()).by_path
    return asked.get("/api/chat", 0) + asked.get("/v1/chat/completions", 0)


async def begin(way: Way, fleet: Herd, data_dir: Path) -> Verb | None:
    """The order has been taken when this returns."""
    if way == "SIGTERM":
        fleet.agents["node-1"].signal(signal.SIGTERM)
        return None
    if way == "herd drain":
        ordered = await Verb.begin(
            "coordinator", "drain", "node-1", "--deadline=30s", f"--url={fleet.address}"
        )
    else:
        ordered = await Verb.begin("agent", "drain", "--deadline=30s", f"--data-dir={data_dir / 'node-1'}")
    assert f"{STREAMS} calls running on node-1" in await ordered.first_line()
    return ordered


async def calls_for(fleet: Herd, seconds: float) -> list[Reply]:
    """One after the other, in turns of both dialects."""
    replies: list[Reply] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        replies.append(await ask(fleet, DIALECTS[len(replies) % 2]))
    return replies


async def is_(fleet: Herd, *expected: object) -> bool:
    """What the fleet says of node-1: status, state, cordoned, draining, drained."""
    node = (await fleet.nodes())["node-1"]
    return expected == tuple(node[name] for name in ("status", "state", "cordoned", "draining", "drained"))


async def test_a_drain_cuts_no_stream_and_lets_no_new_call_in(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-1", **SLOW) as first,
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-2") as second,
        fleet_of_fakes(tmp_path, [first, second], slots=64) as fleet,
    ):
        await drained("herd drain", fleet, first, tmp_path)
        back = await verb("coordinator", "uncordon", "node-1", f"--url={fleet.address}")
        assert back == Said(0, "node-1 uncordoned\n", "")
        assert await is_(fleet, "online", "ready", False, False, False)

        await drained("herd-node drain", fleet, first, tmp_path)
        back = await verb("agent", "undrain", f"--data-dir={tmp_path / 'node-1'}")
        assert back == Said(0, "node-1 undrained\n", "")
        await eventually(lambda: is_(fleet, "online", "ready", False, False, False), 2)

        await drained("SIGTERM", fleet, first, tmp_path)
        state = await first.state()
        assert (state.completed, state.failed, state.cancelled) == (3 * STREAMS, 0, 0)


async def drained(way: Way, fleet: Herd, first: FakeEngine, data_dir: Path) -> None:
    """Everything that a drain of node-1 promises, until its last stream has ended."""
    streams = await streams_on_first(fleet)
    ordered = await begin(way, fleet, data_dir)
    for reply in await calls_for(fleet, 0.1):
        reply.must_be_from("node-2")  # some may have been sent back by node-1
    by_herd = way == "herd drain"
    await eventually(lambda: is_(fleet, "online", "draining", by_herd, True, False), BY_THEN_S)
    asked = await chats(first)
    for reply in await calls_for(fleet, 0.3):
        reply.must_be_from("node-2")
        assert reply.retries == 0
    assert await fleet.in_flight() == STREAMS
    assert fleet.agents["node-1"].process.returncode is None, "it waits for its streams"
    await first.switch(hurry=True)
    for reply in await asyncio.gather(*(stream.rest() for stream in streams)):
        reply.must_be_from("node-1")
        assert reply.retries == 0
    await first.switch(hurry=False)
    assert await chats(first) == asked
    await concluded(way, ordered, fleet)


async def concluded(way: Way, ordered: Verb | None, fleet: Herd) -> None:
    """An agent that was stopped ends; otherwise it stays, and its node is drained."""
    if ordered is None:
        assert await fleet.agents["node-1"].exited(3) == 0
        await eventually(lambda: is_(fleet, "offline", "left", False, True, True), 2)
        return
    said = await ordered.ended()
    assert (said.code, said.out) == (0, "node-1 drained\n"), said
    assert await is_(fleet, "online", "drained", way == "herd drain", True, True)
