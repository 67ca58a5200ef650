"""Bodies through the gateway: long ones in pieces, whole answers in one, and what is no request."""

import asyncio
import io

import msgspec
import pytest

from agent.gateway import WHOLE_BODY
from shared.http1.pool import Address
from shared.wire import GATEWAY_FAULT_HEADER, engine_path
from tests.agent.test_gateway import CHAT, KEY, SECRET, gateway_before
from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.raw_http import ask
from tests.shared.http1.peers import Peer, asked, connected, upstream

PATH = engine_path("ollama", "/api/chat")
MOST_BUFFERED = 64 * 2**20
"""Bytes, in all sockets and buffers between engine and caller."""
KEYED = b"POST %b HTTP/1.1\r\nHost: n\r\nAuthorization: Bearer %b\r\n" % (PATH.encode(), SECRET.encode())
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"


def where(address: str) -> Address:
    host, _, port = address.removeprefix("http://").partition(":")
    return Address(host, int(port))


@pytest.mark.parametrize("more", [-1, 0, 1, WHOLE_BODY])
async def test_a_body_of_any_length_comes_through_as_it_is(more: int) -> None:
    sent = bytes(range(256)) * (WHOLE_BODY // 256) + b"x" * max(more, 0)
    sent = sent[:more] if more < 0 else sent
    got = bytearray()

    async def take(peer: Peer) -> None:
        while True:
            head = await asked(peer)
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            got[:] = await peer.reader.readexactly(length)
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async with (
        upstream(take) as (_, at),
        gateway_before(f"http://{at.host}:{at.port}", 8 * WHOLE_BODY) as (_gateway, address, session),
    ):
        for _ in range(2):
            async with session.post(address + PATH, data=io.BytesIO(sent), headers=KEY) as response:
                assert (response.status, await response.read()) == (200, b"{}")
            assert bytes(got) == sent


async def test_a_body_whose_length_nobody_told_comes_through_too() -> None:
    got = []

    async def take(peer: Peer) -> None:
        got.append(await asked(peer))
        got.append(await peer.until(b"0\r\n\r\n"))
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async def pieces() -> object:
        for piece in (b"{", b"}"):
            await asyncio.sleep(0.01)
            yield piece

    async with (
        upstream(take) as (_, at),
        gateway_before(f"http://{at.host}:{at.port}") as (_gateway, address, session),
        session.post(address + PATH, data=pieces(), headers=KEY) as response,
    ):
        assert response.status == 200
    assert got[1].replace(b"\r\n", b"").replace(b"1", b"") == b"{}0"


@pytest.mark.parametrize("when", ["at once", "later"])
async def test_an_answer_that_stops_short_is_broken_before_its_head_or_after(when: str) -> None:
    async def half(peer: Peer) -> None:
        await asked(peer)
        peer.send(CHUNKED + b"5\r\n" if when == "later" else CHUNKED[:-2])
        await asyncio.sleep(0.05)
        peer.reset()

    async with (
        upstream(half) as (_, at),
        gateway_before(f"http://{at.host}:{at.port}") as (gateway, address, _session),
    ):
        async with connected(where(address), KEYED + b"Content-Length: 2\r\n\r\n{}") as peer:
            head = await peer.until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200" if when == "later" else b"HTTP/1.1 502")
            if when == "later":
                with pytest.raises(ConnectionError):
                    await peer.rest()
        await eventually(lambda: gateway.running == 0)


async def test_a_caller_that_takes_nothing_holds_the_engine() -> None:
    piece = b"10000\r\n" + b"x" * 2**16 + b"\r\n"
    held = asyncio.Event()

    async def pour(peer: Peer) -> None:
        await asked(peer)
        peer.send(CHUNKED)
        for _ in range(MOST_BUFFERED // len(piece)):
            peer.send(piece)
            try:
                async with asyncio.timeout(0.5):
                    await peer.writer.drain()
            except TimeoutError:
                held.set()
                break

    async with (
        upstream(pour) as (_, at),
        gateway_before(f"http://{at.host}:{at.port}") as (gateway, address, _session),
    ):
        async with connected(where(address), KEYED + b"Content-Length: 2\r\n\r\n{}") as peer:
            await peer.until(b"\r\n\r\n")
            async with asyncio.timeout(10.0):
                await held.wait()
        await eventually(lambda: gateway.running == 0)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (KEYED + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (KEYED + b"Content-Length: 99999\r\n\r\n", 413),
        (KEYED + b"X-Long: " + b"x" * 2**19 + b"\r\n\r\n", 431),
        (b"GET /elsewhere HTTP/1.1\r\nHost: n\r\n\r\n", 401),
        (KEYED.replace(PATH.encode(), b"/elsewhere") + b"\r\n", 404),
        (KEYED.replace(b"POST", b"GET") + b"\r\n", 404),
    ],
)
async def test_what_cannot_be_passed_on_is_refused_in_words(request_: bytes, status: int) -> None:
    async with gateway_before("http://127.0.0.1:9") as (_, address, _session):
        said = await ask(address, request_.replace(b"Host: n\r\n", b"Host: n\r\nConnection: close\r\n"))
    assert said.status == status
    assert said.headers[GATEWAY_FAULT_HEADER.lower()] == "refused"


async def test_a_coordinator_that_closes_its_side_and_is_gone_takes_its_call_with_it() -> None:
    async with (
        FakeEngine.run(hang=True) as fake,
        gateway_before(fake.address) as (gateway, address, _session),
    ):
        body = msgspec.json.encode(CHAT)
        async with connected(where(address), KEYED + b"Content-Length: %d\r\n\r\n" % len(body), body):
            await eventually(lambda: gateway.running == 1)
        await eventually(lambda: gateway.running == 0, 2.0)
