"""HTTP itself through both programs, byte by byte, as clients and engines use it. A played engine, real programs.

Calls only: what a caller sends and gets, and what the engine got of it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from shared.http1.pool import Address
from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd, herd, node
from tests.fleet.played import CHUNKED, Play, Played, Told, chat, chunk, line, playing, saying, whole
from tests.fleet.raw_http import ANSWER_S, Reply, answer, request
from tests.shared.http1.peers import Peer, connected

BODY = line("said") + line("", done=True)
ONE = line("said", done=True)
PIECE = line("x" * 60_000)
MUCH = 128 * 2**20
MOST_BUFFERED = 64 * 2**20
"""Bytes, in all sockets and buffers between engine and caller."""


def post(play: str, path: str = "/api/chat", *headers: tuple[str, str], stream: bool = False) -> bytes:
    """A call that keeps its connection."""
    body = msgspec.json.encode(chat(play, stream=stream))
    return request("POST", path, body, headers).replace(b"Connection: close\r\n", b"")


class Fleet(NamedTuple):
    """`at`: the coordinator's address."""

    herd: Herd
    engine: Played
    at: Address


PLAYS: dict[str, Play] = {
    "stream": saying(CHUNKED, chunk(BODY), b"0\r\n\r\n"),
    "whole": saying(whole(ONE)),
    "trailers": saying(CHUNKED, chunk(BODY), b"0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n"),
    "interim": saying(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", whole(ONE)
    ),
    "extensions": saying(CHUNKED, b'%x;a="b"\r\n%b\r\n' % (len(BODY), BODY), b"0\r\n\r\n"),
}


async def until_close(_told: Told, peer: Peer) -> None:
    """As HTTP/1.0 ends an answer."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n", BODY)
    await peer.writer.drain()
    peer.close()


@asynccontextmanager
async def a_fleet(data_dir: Path, **plays: Play) -> AsyncIterator[Fleet]:
    """One node with a played engine."""
    async with (
        playing({**PLAYS, "until-close": until_close, **plays}, slots=8) as engine,
        herd(data_dir) as coordinator,
        node(data_dir, coordinator.address, "node-1", ollama=engine.address, slots=8),
    ):
        await coordinator.ready("node-1")
        host, _, port = coordinator.address.removeprefix("http://").partition(":")
        yield Fleet(coordinator, engine, Address(host, int(port)))


async def answered(peer: Peer, *, to_head: bool = False) -> Reply:
    async with asyncio.timeout(ANSWER_S):
        return await answer(peer.reader, to_head=to_head)


async def test_answers_of_every_form_come_through_and_the_connection_stays(tmp_path: Path) -> None:
    async with a_fleet(tmp_path) as fleet, connected(fleet.at) as peer:
        for play in ("stream", "trailers", "extensions", "until-close"):
            peer.send(post(play, stream=True))
            reply = await answered(peer)
            assert (reply.status, reply.body) == (200, BODY), play
        for play in ("whole", "interim"):
            peer.send(post(play))
            reply = await answered(peer)
            assert (reply.status, reply.body) == (200, ONE), play
            assert "link" not in reply.headers


async def test_bodies_in_chunks_reach_the_engine_as_they_were(tmp_path: Path) -> None:
    async with a_fleet(tmp_path) as fleet, connected(fleet.at) as peer:
        for size in (1, 7, 1 << 16):
            body = msgspec.json.encode(chat("whole", stream=False, later_field={"a": 1.50}))
            pieces = [body[at : at + size] for at in range(0, len(body), size)]
            head = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            peer.send(head, *(chunk(each) for each in pieces), b"0\r\nX-Sum: 1\r\n\r\n")
            reply = await answered(peer)
            assert (reply.status, reply.body) == (200, ONE)
            assert fleet.engine.told[-1].body == body


@pytest.mark.parametrize("stream", [False, True])
async def test_two_calls_sent_at_once_are_answered_in_their_order(tmp_path: Path, stream: bool) -> None:
    async with a_fleet(tmp_path) as fleet, connected(fleet.at) as peer:
        play, body = ("stream", BODY) if stream else ("whole", ONE)
        calls = [post(play, "/api/chat", ("X-Request-Id", f"call-{n}"), stream=stream) for n in range(2)]
        peer.send(b"".join(calls) + b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for number in range(2):
            reply = await answered(peer)
            assert (reply.status, reply.body) == (200, body)
            assert reply.headers["x-request-id"] == f"call-{number}"
        assert b"version" in (await answered(peer)).body


async def test_a_caller_that_waits_for_the_word_gets_it_before_it_sends(tmp_path: Path) -> None:
    async with a_fleet(tmp_path) as fleet, connected(fleet.at) as peer:
        head, _, body = post("whole", "/api/chat", ("Expect", "100-continue")).partition(b"\r\n\r\n")
        for _ in range(2):
            peer.send(head + b"\r\n\r\n")
            assert (await peer.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 Continue\r\n")
            assert not [told for told in fleet.engine.told if b"100-continue" in told.head.lower()]
            peer.send(body)
            assert (await answered(peer)).body == ONE
        assert len(fleet.engine.told) == 2


async def test_head_is_answered_without_a_body_and_a_call_by_head_not_at_all(tmp_path: Path) -> None:
    async with a_fleet(tmp_path) as fleet, connected(fleet.at) as peer:
        for path, status in (("/", 200), ("/api/tags", 200), ("/api/version", 200), ("/api/chat", 405)):
            peer.send(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert (await answered(peer, to_head=True)).status == status, path
        peer.send(post("whole"))
        assert (await answered(peer)).body == ONE
        assert len(fleet.engine.told) == 1


async def test_a_caller_that_shut_its_side_gets_its_answer(tmp_path: Path) -> None:
    """`nc`, and clients that write and then read to the end."""
    go = asyncio.Event()

    async def late(_told: Told, peer: Peer) -> None:
        await go.wait()
        peer.send(whole(ONE))

    async with a_fleet(tmp_path, late=late) as fleet:
        for play in ("whole", "late"):
            async with connected(fleet.at, post(play)) as peer:
                peer.shut()
                if play == "late":
                    await eventually(lambda: len(fleet.engine.told) == 2)
                    go.set()
                assert (await answered(peer)).body == ONE
                assert await peer.rest() == b""


async def test_a_caller_that_takes_nothing_holds_the_engine(tmp_path: Path) -> None:
    poured = 0

    async def counted(_told: Told, peer: Peer) -> None:
        nonlocal poured
        peer.send(CHUNKED)
        for _ in range(MUCH // len(PIECE)):
            peer.send(chunk(PIECE))
            await peer.writer.drain()
            poured += len(PIECE)
        peer.send(chunk(BODY), b"0\r\n\r\n")

    async with (
        a_fleet(tmp_path, counted=counted) as fleet,
        connected(fleet.at, post("counted", stream=True)) as peer,
    ):
        await eventually(lambda: poured > 0)
        before = -1
        while before != poured:  # until nothing has moved for a while
            before = poured
            await asyncio.sleep(0.5)
        assert poured < MOST_BUFFERED
        held = fleet.herd.memory_bytes()
        assert await fleet.herd.get("/api/version"), "others are served meanwhile"
        reply = await answered(peer)
        assert len(reply.body) == poured + len(BODY)
        assert fleet.herd.memory_bytes() < held + 16 * 2**20
