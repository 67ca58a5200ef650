"""No address takes all connections that there are: a real coordinator, asked by an address that is not loopback."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fakes.waiting import eventually
from tests.fleet.doors import LAN, LOOPBACK, doors, knock
from tests.fleet.raw_http import answer

MOST = 3
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def urls(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    async with doors(tmp_path, connections_per_address=MOST) as urls:
        yield urls


async def come(url: str) -> Streams:
    place = urlsplit(url)
    return await asyncio.open_connection(place.hostname, place.port)


async def told(streams: Streams) -> int:
    """The status of an answer; 0: there is none."""
    reader, writer = streams
    with contextlib.suppress(ConnectionError):
        writer.write(HEALTH)
        async with asyncio.timeout(10):
            return (await answer(reader)).status
    return 0


async def leave(streams: Streams) -> None:
    streams[1].close()
    with contextlib.suppress(ConnectionError):
        await streams[1].wait_closed()


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "in use"])
async def test_one_address_has_so_many_and_others_are_served(urls: dict[str, str], silent: bool) -> None:
    there = [await come(urls[LAN]) for _ in range(MOST)]
    if not silent:
        assert [await told(each) for each in there] == [200] * MOST
    else:
        assert (await knock(urls[LOOPBACK], "GET", "/health")).status == 200, "by now they have been counted"
    for _ in range(3):
        further = await come(urls[LAN])
        assert await told(further) == 0, "one too many"
        await leave(further)
    at_home = [await come(urls[LOOPBACK]) for _ in range(2 * MOST)]
    assert {await told(each) for each in at_home} == {200}, "this machine's own are not counted"
    assert [await told(each) for each in there] == [200] * MOST, "those that are there stay"
    await leave(there.pop())

    async def room() -> bool:
        return (await knock(urls[LAN], "GET", "/health")).status == 200

    await eventually(room)
    for each in (*there, *at_home):
        await leave(each)
    again = [await come(urls[LAN]) for _ in range(MOST)]

    async def all_served() -> bool:
        for at, each in enumerate(again):
            if await told(each) != 200:
                await leave(each)
                again[at] = await come(urls[LAN])
                return False
        return True

    await eventually(all_served)
    for each in again:
        await leave(each)
