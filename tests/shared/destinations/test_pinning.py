import asyncio
import ipaddress
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from shared.destinations.pinning import Pinned, Refused, addresses
from shared.destinations.rules import CONFIGURED, Gateways
from shared.http1.faults import NotConnected
from shared.http1.limits import Limits
from shared.http1.pool import Address, Pool
from tests.fakes.listening import listening

NODES = Gateways().told
RULE = Gateways((ipaddress.ip_network("127.0.0.0/8"),)).told
"""As if loopback were a network of nodes: what a test can listen on."""


class Names:
    """A name service that says something else each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def getaddrinfo(self, _host: str, port: int, **_kind: Any) -> list[Any]:
        """As the loop's."""
        told = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [
            (
                socket.AF_INET6 if ":" in each else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (each, port, 0, 0) if ":" in each else (each, port),
            )
            for each in told
        ]


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    made = Names(["10.0.0.1"])
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", made.getaddrinfo)
    return made


@pytest.mark.parametrize(
    "told",
    [
        ["169.254.169.254"],
        ["127.0.0.1"],
        ["::1"],
        ["10.0.0.1", "169.254.169.254"],
        ["8.8.8.8"],
        ["::ffff:10.0.0.1"],
    ],
    ids=",".join,
)
async def test_a_name_that_stands_for_a_bad_address_is_refused(names: Names, told: list[str]) -> None:
    names.answers = [told]
    with pytest.raises(Refused):
        await addresses("node.example", 80, NODES)
    with pytest.raises(Refused):
        await Pinned(NODES).resolve("node.example", 80)


async def test_good_ones_are_given_in_the_systems_order(names: Names) -> None:
    names.answers = [["fd00::1", "10.0.0.1", "10.0.0.1"]]
    assert await addresses("node.example", 80, NODES) == ("fd00::1", "10.0.0.1")
    assert await addresses("10.0.0.9", 80, NODES) == ("10.0.0.9",)


async def test_a_name_is_asked_once_and_what_was_checked_is_connected_to(names: Names) -> None:
    names.answers = [["127.0.0.1"], ["169.254.169.254"]]

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="here")

    app = web.Application()
    app.router.add_get("/", answer)
    async with listening(app, "127.0.0.1", 0) as (_, port):
        pool = Pool(Limits(), resolve=lambda each: addresses(each.host, each.port, RULE))
        response = await pool.request(Address("node.example", port), b"GET", b"/", [])
        assert await response.read() == b"here"
        assert names.asked == 1
        with pytest.raises(NotConnected, match="metadata"):
            await pool.request(Address("node.example", port), b"GET", b"/", [], fresh=True)
        assert names.asked == 2
        pool.close()


async def test_a_session_too(names: Names) -> None:
    names.answers = [["169.254.169.254"]]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Pinned(CONFIGURED))) as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get("http://node.example/", allow_redirects=False)
    assert names.asked == 1
