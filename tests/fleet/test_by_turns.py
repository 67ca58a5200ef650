"""One kept connection for calls and for everything else: what clients do that list the models first."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from shared.http1.pool import Address
from tests.fakes.control import FakeEngine
from tests.fleet.asking import body
from tests.fleet.harness import Herd, fleet_of_fakes
from tests.shared.http1.peers import Peer, connected

TAGS = b"GET /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n"
UNKNOWN = b"DELETE /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: mine\r\n\r\n"
HEAD = b"HEAD /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n"


def posted(path: str, value: object, *lines: str) -> bytes:
    said = msgspec.json.encode(value)
    head = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(said)}", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + said


WHOLE = posted("/api/chat", body("m", stream=False))
STREAMED = posted("/api/chat", body("m", stream=True))
EXPLAINED = posted("/fleet/explain", body("m", stream=False), "Expect: 100-continue")


@contextlib.asynccontextmanager
async def a_fleet(path: Path) -> AsyncIterator[tuple[Herd, Address]]:
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", slots=4) as fake,
        fleet_of_fakes(path, [fake]) as herd,
    ):
        url = urlsplit(herd.address)
        yield herd, Address(url.hostname or "", url.port or 0)


async def whole(peer: Peer) -> tuple[int, bytes]:
    """Status and body of an answer with a length."""
    head, said = await peer.answer()
    assert head.lower().count(b"x-request-id: ") == head.lower().count(b"server: herd/") == 1, head
    assert head.lower().count(b"date: ") == 1
    assert b"connection: close" not in head.lower()
    return int(head.split(b" ", 2)[1]), said


async def streamed(peer: Peer) -> bytes:
    head = await peer.until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"x-request-id: " in head.lower()
    return await peer.until(b"\r\n0\r\n\r\n")


async def test_one_connection_serves_both_by_turns(tmp_path: Path) -> None:
    async with a_fleet(tmp_path) as (_, address), connected(address) as peer:
        for _ in range(3):
            peer.send(TAGS)
            assert (await whole(peer))[0] == 200
            peer.send(WHOLE)
            status, said = await whole(peer)
            assert (status, msgspec.json.decode(said)["done"]) == (200, True)
            peer.send(UNKNOWN)
            assert (await whole(peer))[0] == 404
            peer.send(STREAMED)
            assert b'"done":true' in (await streamed(peer)).replace(b" ", b"")
            peer.send(EXPLAINED)
            status, said = await whole(peer)
            assert (status, msgspec.json.decode(said)["model"]) == (200, "m:latest")


async def test_requests_that_came_together_are_answered_in_their_order(tmp_path: Path) -> None:
    async with a_fleet(tmp_path) as (_, address), connected(address) as peer:
        peer.send(TAGS + WHOLE + HEALTH + STREAMED + UNKNOWN + WHOLE + TAGS)
        assert b"models" in (await whole(peer))[1]
        assert b"message" in (await whole(peer))[1]
        assert msgspec.json.decode((await whole(peer))[1])["status"] == "ok"
        assert b'"done":true' in (await streamed(peer)).replace(b" ", b"")
        assert (await whole(peer))[0] == 404
        assert b"message" in (await whole(peer))[1]
        assert b"models" in (await whole(peer))[1]


async def test_a_head_alone_and_a_body_nobody_asked_for_leave_the_connection_in_order(tmp_path: Path) -> None:
    async with a_fleet(tmp_path) as (_, address), connected(address) as peer:
        for _ in range(2):
            peer.send(HEAD)
            head = await peer.until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert b"content-length: 0" not in head.lower()
            peer.send(posted("/api/nothing", {"a": "b"}))
            assert (await whole(peer))[0] == 404
            peer.send(posted("/api/%63hat", body("m", stream=False)))
            assert b"message" in (await whole(peer))[1]


async def test_a_viewer_and_calls_share_no_fate(tmp_path: Path) -> None:
    """A stream of events that a client leaves is over; who comes on the next connection is served."""
    async with a_fleet(tmp_path) as (herd, address):
        async with connected(address, b"GET /fleet/events HTTP/1.1\r\nHost: localhost\r\n\r\n") as viewer:
            assert b"event: snapshot" in await viewer.until(b"\n\n")
            async with connected(address, WHOLE) as peer:
                assert (await whole(peer))[0] == 200
            viewer.reset()
        async with asyncio.timeout(5), herd.session.get(f"{herd.address}/fleet/events") as response:
            assert response.headers["Content-Type"].startswith("text/event-stream")
            assert await response.content.readuntil(b"\n\n")
