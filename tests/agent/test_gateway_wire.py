"""HTTP itself through the gateway, byte by byte: what a coordinator may say, and what engines do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from shared.http1.pool import Address
from shared.wire import engine_path
from tests.agent.test_gateway import SECRET, gateway_before
from tests.fleet.played import Played, chat, chunk, playing
from tests.fleet.raw_http import Reply, request
from tests.fleet.test_wire import BODY, ONE, PLAYS, answered, until_close
from tests.shared.http1.peers import Peer, connected

PATH = engine_path("ollama", "/api/chat")
KEY = ("Authorization", f"Bearer {SECRET}")


def post(play: str, *headers: tuple[str, str], stream: bool = False) -> bytes:
    """A call that keeps its connection."""
    said = request("POST", PATH, msgspec.json.encode(chat(play, stream=stream)), (KEY, *headers))
    return said.replace(b"Connection: close\r\n", b"")


@asynccontextmanager
async def a_gateway() -> AsyncIterator[tuple[Played, Peer]]:
    """A played engine, and a connection to the gateway before it."""
    async with (
        playing({**PLAYS, "until-close": until_close}) as engine,
        gateway_before(engine.address) as (_, address, _session),
    ):
        host, _, port = address.removeprefix("http://").partition(":")
        async with connected(Address(host, int(port))) as peer:
            yield engine, peer


async def asked(peer: Peer, said: bytes) -> Reply:
    peer.send(said)
    return await answered(peer)


async def test_answers_of_every_form_come_through_and_both_connections_stay() -> None:
    async with a_gateway() as (engine, peer):
        for play in ("stream", "trailers", "extensions"):
            reply = await asked(peer, post(play, stream=True))
            assert (reply.status, reply.body) == (200, BODY), play
        for play in ("whole", "interim"):
            reply = await asked(peer, post(play))
            assert (reply.status, reply.body) == (200, ONE), play
            assert "link" not in reply.headers
        assert engine.connections == 1
        for _ in range(2):
            reply = await asked(peer, post("until-close", stream=True))
            assert (reply.status, reply.body) == (200, BODY)
        assert engine.connections == 2, "an answer that ends with its connection costs that one"


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
async def test_a_body_in_chunks_reaches_the_engine_as_it_was(size: int) -> None:
    body = msgspec.json.encode(chat("whole", stream=False, later_field={"a": 1.50}))
    pieces = b"".join(chunk(body[at : at + size]) for at in range(0, len(body), size))
    head = request("POST", PATH, b"", (KEY, ("Transfer-Encoding", "chunked"))).replace(
        b"Connection: close\r\n", b""
    )
    async with a_gateway() as (engine, peer):
        for _ in range(2):
            assert (await asked(peer, head + pieces + b"0\r\nX-Sum: 1\r\n\r\n")).body == ONE
            assert engine.told[-1].body == body
            assert b"x-sum" not in engine.told[-1].head.lower()


async def test_two_calls_sent_at_once_are_answered_in_their_order() -> None:
    async with a_gateway() as (engine, peer):
        peer.send(post("stream", stream=True) + post("whole") + post("stream", stream=True))
        assert [(await answered(peer)).body for _ in range(3)] == [BODY, ONE, BODY]
        assert len(engine.told) == 3


async def test_who_waits_for_the_word_gets_it_before_it_sends() -> None:
    async with a_gateway() as (engine, peer):
        head, _, body = post("whole", ("Expect", "100-continue")).partition(b"\r\n\r\n")
        for number in range(2):
            peer.send(head + b"\r\n\r\n")
            assert (await peer.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 Continue\r\n")
            assert len(engine.told) == number
            assert (await asked(peer, body)).body == ONE
            assert b"100-continue" not in engine.told[-1].head.lower()


async def test_head_has_no_body_and_is_no_call() -> None:
    async with a_gateway() as (engine, peer):
        for path in ("/health", PATH):
            peer.send(request("HEAD", path, b"", (KEY,)).replace(b"Connection: close\r\n", b""))
            assert (await answered(peer, to_head=True)).status == 404, path
        assert (await asked(peer, post("whole"))).body == ONE
        assert len(engine.told) == 1
