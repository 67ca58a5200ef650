"""The stream over a real socket: signs of life, and viewers that read nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from coordinator.watching.feed import VIEWERS, Feed
from coordinator.watching.routes import Events
from tests.fakes.asked_as_coordinator import asked
from tests.fakes.pictures import a_picture
from tests.fakes.waiting import eventually


@contextlib.asynccontextmanager
async def served(feed: Feed, keep_alive_s: float = 10.0) -> AsyncIterator[str]:
    """Its address."""
    app = web.Application()
    app.add_routes(Events(feed, keep_alive_s).routes())
    async with asked(app) as (host, port):
        yield f"http://{host}:{port}"


async def test_signs_of_life_are_sent_while_nothing_changes() -> None:
    picture = a_picture()
    async with (
        served(Feed(lambda: picture, lambda: None, "r"), keep_alive_s=0.05) as url,
        aiohttp.ClientSession() as session,
        session.get(f"{url}/fleet/events") as response,
    ):
        assert response.headers["Cache-Control"] == "no-cache"
        assert (await response.content.readuntil(b"\n\n")).startswith(b"id: r.0\nevent: snapshot\ndata: {")
        assert await response.content.readuntil(b"\n\n") == b": still here\n\n"
        assert await response.content.readuntil(b"\n\n") == b": still here\n\n"


async def test_a_viewer_that_reads_nothing_is_dropped_and_told() -> None:
    """What is kept for it is bounded; when it reads again it finds out."""
    told = {"n": 0}

    def picture() -> dict[str, object]:
        told["n"] += 1
        return a_large_picture(told["n"])

    feed = Feed(picture, lambda: None, "r")
    async with served(feed) as url:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=2**10)
        writer.write(b"GET /fleet/events HTTP/1.1\r\nHost: x\r\n\r\n")
        await eventually(lambda: feed._viewers)

        def dropped() -> bool:
            feed._publish()
            return not feed._viewers

        await eventually(dropped)
        everything = bytearray()

        async def seen() -> bool:
            everything.extend(await reader.read(2**20))
            return b"event: dropped" in everything

        await eventually(seen, 10, 0)
        writer.close()


def a_large_picture(number: int) -> dict[str, object]:
    """Another each time."""
    large = {f"n{at}": {"text": f"{number} {'x' * 1000}"} for at in range(500)}
    return {"nodes": large, "models": {}, "requests": {}, "fleet": {}, "events": [], "timestamp": number}


async def test_there_is_an_end_to_how_many_may_look_on() -> None:
    picture = a_picture()
    feed = Feed(lambda: picture, lambda: None, "r")
    async with served(feed) as url, aiohttp.ClientSession() as session:
        for _ in range(VIEWERS):
            feed.join()
        async with session.get(f"{url}/fleet/events") as response:
            assert response.status >= 500  # the server's middleware makes it 503


async def test_a_head_is_answered_and_takes_no_place() -> None:
    feed = Feed(a_picture, lambda: None, "r")
    async with served(feed) as url, asyncio.timeout(5):
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(2 * b"HEAD /fleet/events HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(2):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert b"text/event-stream" in head
        assert not feed._viewers
        writer.close()
        await writer.wait_closed()
