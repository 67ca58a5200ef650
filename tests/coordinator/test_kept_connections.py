"""The Forwarder's connections to gateways: kept, and what it means that one closes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from coordinator.core.call import Target
from coordinator.forward import EngineRequest, Forwarder
from shared.errors import GatewayBroke, GatewayUnreachable, StreamBroken
from shared.http1.pool import Address
from shared.names import NodeId
from tests.shared.http1.peers import Peer, upstream

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CALL = EngineRequest("/api/chat", b"{}", {"X-Request-Id": "r1"}, whole=True)
LIST = EngineRequest("/v1/models", b"", {}, whole=True, method="GET")


@asynccontextmanager
async def forwarding() -> AsyncIterator[Forwarder]:
    forwarder = Forwarder(connect_timeout_s=2.0, buffer_limit=1000)
    try:
        yield forwarder
    finally:
        await forwarder.close()


def target(address: Address) -> Target:
    return Target(NodeId("n1"), "ollama", f"http://{address.host}:{address.port}", "secret")


async def ask(forwarder: Forwarder, address: Address, request: EngineRequest) -> bytes:
    reply = await forwarder.send(target(address), request)
    try:
        return await reply.read()
    finally:
        reply.close()


async def call_on(peer: Peer) -> bytes:
    head = await peer.until(b"\r\n\r\n")
    if b"POST" in head:
        await peer.reader.readexactly(2)
    return head


async def test_one_connection_serves_calls_one_after_the_other() -> None:
    heads: list[bytes] = []

    async def serve(peer: Peer) -> None:
        while True:
            heads.append(await call_on(peer))
            peer.send(ANSWER)

    async with upstream(serve) as (upstreams, address), forwarding() as forwarder:
        for _ in range(4):
            assert await ask(forwarder, address, CALL) == b"{}"
        assert len(upstreams.peers) == 1
    assert heads[0].startswith(b"POST /engines/ollama/api/chat HTTP/1.1\r\n")
    for line in (b"Authorization: Bearer secret", b"Accept-Encoding: identity", b"X-Request-Id: r1"):
        assert b"\r\n%b\r\n" % line in heads[0]


async def serve_once(peer: Peer) -> None:
    await call_on(peer)
    peer.send(ANSWER)
    await call_on(peer)
    peer.close()


async def test_a_call_on_a_kept_connection_that_closes_may_have_been_worked_on() -> None:
    async with upstream(serve_once) as (upstreams, address), forwarding() as forwarder:
        await ask(forwarder, address, CALL)
        with pytest.raises(GatewayBroke):
            await ask(forwarder, address, CALL)
        assert len(upstreams.peers) == 1


async def test_what_may_be_asked_twice_is() -> None:
    async with upstream(serve_once) as (upstreams, address), forwarding() as forwarder:
        await ask(forwarder, address, LIST)
        assert await ask(forwarder, address, LIST) == b"{}"
        assert len(upstreams.peers) == 2


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", GatewayBroke),
        (b"HTTP/1.1 200 OK\r\nContent-", GatewayBroke),
        (b"SSH-2.0-another\r\n", GatewayUnreachable),
        (ANSWER[:-1], StreamBroken),
    ],
)
async def test_what_an_answer_that_is_none_means(said: bytes, error: type[Exception]) -> None:
    async def speak(peer: Peer) -> None:
        await call_on(peer)
        peer.send(said)
        peer.close()

    async with upstream(speak) as (_, address), forwarding() as forwarder:
        with pytest.raises(error) as caught:
            await ask(forwarder, address, CALL)
        assert type(caught.value) is error
        assert "SSH" not in str(caught.value)
