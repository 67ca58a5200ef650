import asyncio
import socket
from urllib.parse import urlsplit

import aiohttp
import pytest

from shared.http1.exchange import Exchange
from shared.http1.limits import Limits
from shared.http1.server import Server
from shared.serving import cancelled, serving
from shared.sockets import only_address, peer_host, url_of
from tests.fakes.waiting import eventually
from tests.shared.http1.peers import refusal

HAS_IPV6 = socket.has_ipv6 and bool(socket.getaddrinfo("::1", 0, flags=socket.AI_NUMERICHOST))


async def said(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.text()


def a_server() -> Server:
    async def peer(exchange: Exchange) -> None:
        exchange.respond(200, [(b"Content-Type", b"text/plain")], exchange.peer.encode())

    return Server(peer, refusal, Limits())


async def test_no_host_is_every_address_of_both_kinds_on_one_free_port() -> None:
    async with serving(a_server(), "", 0, 1.0) as (_, port):
        assert await said(url_of("127.0.0.1", port)) == "127.0.0.1"
        if HAS_IPV6:
            assert await said(url_of("::1", port)) == "::1"


async def test_a_taken_port_is_said_on_either_kind() -> None:
    with socket.socket(socket.AF_INET) as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            async with serving(a_server(), "", taken.getsockname()[1], 1.0):
                pass


async def test_one_address_is_that_address_only() -> None:
    async with serving(a_server(), "127.0.0.1", 0, 1.0) as (host, port):
        assert urlsplit(url_of(host, port)).hostname == "127.0.0.1"
        with pytest.raises(aiohttp.ClientConnectorError):
            await said(url_of("::1", port))


class Connection:
    """What a transport tells of its peer."""

    def __init__(self, peer: object) -> None:
        self.peer = peer

    def get_extra_info(self, _name: str) -> object:
        return self.peer


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        (("10.0.0.7", 5), "10.0.0.7"),
        (("fd00::7", 5, 0, 0), "fd00::7"),
        (("fe80::7", 5, 0, 3), "fe80::7%3"),
        (("fe80::7%eth0", 5, 0, 3), "fe80::7%eth0"),
        (None, ""),
    ],
)
def test_a_link_local_peer_keeps_its_zone(peer: object, expected: str) -> None:
    assert peer_host(Connection(peer)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "only"),
    [("", None), ("0.0.0.0", None), ("::", None), ("workstation", None), ("10.0.0.7", "10.0.0.7")],
)
def test_which_address_alone_is_listened_on(host: str, only: str | None) -> None:
    assert only_address(host) == only


async def test_who_waits_for_the_end_of_a_task_can_be_cancelled_itself() -> None:
    """Else a program that is stopping would go on for ever."""
    stubborn = asyncio.Event()

    async def slow_to_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await stubborn.wait()

    inner = asyncio.create_task(slow_to_end())
    outer = asyncio.create_task(cancelled(inner))
    await eventually(inner.cancelling)
    outer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await outer
    stubborn.set()
    await asyncio.wait({inner})
    assert inner.cancelled()


async def test_a_task_that_fails_at_its_end_says_so() -> None:
    async def fails_at_its_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("the end")

    async def nothing() -> None:
        pass

    task, done = asyncio.create_task(fails_at_its_end()), asyncio.create_task(nothing())
    await done
    with pytest.raises(ValueError, match="the end"):
        await cancelled(task, done)
