"""Nodes that go and come back: killed, cut off, or frozen. Fake engines."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import WAYS, ask, together
from tests.fleet.harness import TURNS, Herd, fleet_of_fakes, herd, node

LOOPBACK_TOO = "127.0.0.2"
"""An address that only the test's relay listens on."""


async def is_in(fleet: Herd, node_id: str, *states: str) -> bool:
    """Whether the node is in one of these states."""
    return (await fleet.nodes()).get(node_id, {}).get("state") in states


async def must_answer_half(fleet: Herd, node_id: str) -> None:
    """Twelve calls: the nodes take turns, so this one gets its share."""
    replies = [await ask(fleet) for _ in range(12)]
    assert sum(reply.node == node_id for reply in replies) >= 3, [reply.node for reply in replies]
    for reply in replies:
        reply.must_be_from(reply.node)
        assert reply.retries == 0


async def test_an_agent_that_was_killed_and_starts_again_gets_calls_again(tmp_path: Path) -> None:
    """Fake engines. The same node id, the same port."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-1") as first,
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-2") as second,
        fleet_of_fakes(tmp_path, [first, second], policy=TURNS, trouble_time=1) as fleet,
    ):
        port = urlsplit((await fleet.nodes())["node-1"]["gateway_url"]).port
        assert port
        await must_answer_half(fleet, "node-1")
        await fleet.agents["node-1"].kill()
        for _ in range(2):
            (await ask(fleet)).must_be_from("node-2")
        assert await is_in(fleet, "node-1", "suspect")
        async with node(tmp_path, fleet.address, "node-1", ollama=first.address, slots=4, port=port):
            await eventually(lambda: is_in(fleet, "node-1", "ready"))
            started = time.monotonic()
            await eventually(lambda: is_not_troubled(fleet))
            assert time.monotonic() - started < 3
            await must_answer_half(fleet, "node-1")


async def is_not_troubled(fleet: Herd) -> bool:
    """Whether node-1 is given calls: it takes turns with the other."""
    return "node-1" in {(await ask(fleet)).node for _ in range(3)}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127/8 without asking for it")
async def test_a_node_that_was_cut_off_comes_back_by_a_probe(tmp_path: Path) -> None:
    """Fake engines. Beats go on all the time; the way to the gateway leads through a relay that is taken away."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-1") as first,
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-2") as second,
        herd(tmp_path, policy=TURNS, probe_interval=0.3, trouble_time=0.5) as fleet,
        node(tmp_path, fleet.address, "node-1", ollama=first.address, slots=4, advertise=LOOPBACK_TOO),
        node(tmp_path, fleet.address, "node-2", ollama=second.address, slots=4),
    ):
        await eventually(lambda: is_in(fleet, "node-1", "unreachable"), 20)
        told = (await fleet.nodes())["node-1"]
        assert told["status"] == "degraded"
        assert LOOPBACK_TOO in told["reason"]
        await eventually(lambda: is_in(fleet, "node-2", "ready"), 20)
        (await ask(fleet)).must_be_from("node-2")
        port = urlsplit(told["gateway_url"]).port
        assert port
        async with relaying(port):
            await eventually(lambda: is_in(fleet, "node-1", "ready"), 3)
            await must_answer_half(fleet, "node-1")
        for dialect, stream in WAYS:
            (await ask(fleet, dialect, stream=stream)).must_be_from("node-2")
        assert await is_in(fleet, "node-1", "suspect")
        async with relaying(port):
            await eventually(lambda: is_in(fleet, "node-1", "ready"), 3)
            await eventually(lambda: is_not_troubled(fleet), 3)
            await must_answer_half(fleet, "node-1")


@contextlib.asynccontextmanager
async def relaying(port: int) -> AsyncIterator[None]:
    """A way from LOOPBACK_TOO to 127.0.0.1 at this port, which breaks when the block ends."""
    writers: set[asyncio.StreamWriter] = set()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def relayed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        ours = {writer, there_writer}
        writers.update(ours)
        await asyncio.gather(pour(reader, there_writer), pour(there_reader, writer))
        writers.difference_update(ours)

    server = await asyncio.start_server(relayed, LOOPBACK_TOO, port)
    try:
        yield
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()
        await eventually(lambda: not writers)


async def test_a_frozen_agent_gets_no_new_calls_and_comes_back(tmp_path: Path) -> None:
    """Fake engines. SIGSTOP: its port still accepts connections, but nothing is answered and no beat comes."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-1") as first,
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-2") as second,
        fleet_of_fakes(
            tmp_path, [first, second], policy=TURNS, heartbeat_timeout=1.5, heartbeat_offline=3
        ) as fleet,
    ):
        fleet.agents["node-1"].signal(signal.SIGSTOP)
        await eventually(lambda: is_in(fleet, "node-1", "late"))
        await all_from_the_other(fleet)
        await eventually(lambda: is_in(fleet, "node-1", "lost"))
        assert (await fleet.nodes())["node-1"]["status"] == "offline"
        await all_from_the_other(fleet)
        fleet.agents["node-1"].signal(signal.SIGCONT)
        await eventually(lambda: is_in(fleet, "node-1", "ready"))
        await must_answer_half(fleet, "node-1")


async def all_from_the_other(fleet: Herd) -> None:
    """In every way, one by one and at once."""
    for dialect, stream in WAYS:
        (await ask(fleet, dialect, stream=stream)).must_be_from("node-2")
    for reply in await together(*(ask(fleet, dialect, stream=stream) for dialect, stream in WAYS * 3)):
        reply.must_be_from("node-2")


async def test_calls_that_a_frozen_agent_swallowed_are_answered_elsewhere(tmp_path: Path) -> None:
    """Fake engines. Sent before anybody could know: once the lease has run out, the other node is tried."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-1") as first,
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-2") as second,
        fleet_of_fakes(tmp_path, [first, second], heartbeat_timeout=1.5, heartbeat_offline=2) as fleet,
    ):
        fleet.agents["node-1"].signal(signal.SIGSTOP)
        async with asyncio.timeout(8):
            replies = await together(*(ask(fleet, dialect, stream=stream) for dialect, stream in WAYS))
        for reply in replies:
            reply.must_be_from("node-2")
        assert sum(reply.retries for reply in replies) == 2
