"""Callers that take an answer slowly, or not at all: they hold their engine, never memory."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from shared.http1.pool import Address
from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import body
from tests.fleet.harness import Herd, fleet_of_fakes
from tests.shared.http1.peers import Peer, connected

TOKENS = 120_000
"""Some 12 MB of lines: more than the sockets of three hops take."""
STALE_S = 10
"""Longer than the fake takes to think of all that."""
ROOM = 8 * 2**20
"""Bytes by which the coordinator may grow while nobody reads: several buffers of sockets and ours, not the answer."""
SAID = msgspec.json.encode(body("m", stream=True))
CALL = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: slow\r\nContent-Length: %d\r\n\r\n%b" % (
    len(SAID),
    SAID,
)


def address_of(herd: Herd) -> Address:
    url = urlsplit(herd.address)
    return Address(url.hostname or "", url.port or 0)


async def begun(peer: Peer) -> None:
    """The stream's head, and no more."""
    peer.send(CALL)
    await eventually(lambda: peer.reader._buffer, STALE_S)  # type: ignore[attr-defined]
    assert (await peer.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    peer.reader._transport.pause_reading()  # type: ignore[attr-defined]


async def test_a_caller_that_stops_reading_holds_the_engine_and_gets_the_rest_later(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", tokens=TOKENS) as fake,
        fleet_of_fakes(tmp_path, [fake]) as herd,
        connected(address_of(herd)) as peer,
    ):
        before = herd.memory_bytes()
        await begun(peer)
        await asyncio.sleep(2.0)
        assert await herd.in_flight() == 1, "the engine waits"
        assert herd.memory_bytes() - before < ROOM
        peer.reader._transport.resume_reading()  # type: ignore[attr-defined]
        lines, tail = 0, b""
        async with asyncio.timeout(60):
            while not tail.endswith(b"\r\n0\r\n\r\n"):
                chunk = await peer.reader.read(2**18)
                lines += chunk.count(b'"done":false')
                tail = (tail + chunk)[-400:]
        assert b'"done":true' in tail
        assert lines > TOKENS * 0.99  # a chunk may end within the words that are counted
        await eventually(herd.idle)


async def test_a_caller_that_never_reads_again_is_given_up_as_its_own_fault(tmp_path: Path) -> None:
    """Its engine is free for others, and is not blamed. Linux ends such a connection by itself (TCP_USER_TIMEOUT)."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", tokens=TOKENS) as fake,
        fleet_of_fakes(tmp_path, [fake], stale_timeout=STALE_S) as herd,
        connected(address_of(herd)) as peer,
    ):
        await begun(peer)
        await eventually(herd.idle, 3 * STALE_S)
        (told,) = (await herd.get("/fleet/explain/slow"))["attempts"]
        ends = (("client_disconnected", None), ("incomplete", f"the caller has not read for {STALE_S} s"))
        assert (told["status"], told["error"]) in ends
