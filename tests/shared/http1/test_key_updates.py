"""Who asks for other keys again and again, and reads no answer, fills no memory."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from shared.http1.exchange import Exchange
from shared.http1.secured import ANSWERS
from shared.trust.contexts import calling, listening
from tests.fakes.waiting import eventually
from tests.shared.http1.key_updates import APPLICATION, shaken
from tests.shared.http1.peers import serving
from tests.shared.trust.fleet_of_two import Fleet, fleet

AT_ONCE = 1_000
ROUNDS = 60
"""Of a flood: 1.6 MB, and as much of answers."""
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="module")
def two() -> Fleet:
    return fleet()


@pytest.mark.parametrize("asking", [True, False], ids=["answered", "unanswered"])
async def test_without_end_is_the_end(two: Fleet, tmp_path: Path, *, asking: bool) -> None:
    """Answers fill the memory; also without one each takes its time of the processor's."""
    most = 0
    async with serving(tls=listening(two.coordinator, required=False)) as (server, address):
        connection, client = await shaken(calling(two.node), address, tmp_path / "secrets")
        await eventually(lambda: server.connections)
        (met,) = server.connections

        async def flooded() -> None:
            nonlocal most
            for _ in range(ROUNDS):
                flood = b"".join(client.update(asking=asking) for _ in range(AT_ONCE))
                async with asyncio.timeout(5.0):
                    await asyncio.get_running_loop().sock_sendall(connection, flood)
                await asyncio.sleep(0)
                most = max(most, met._transport.get_write_buffer_size())

        with contextlib.closing(connection), pytest.raises(ConnectionError):
            await flooded()
        await eventually(lambda: not server.connections)
    assert most < 2 * ANSWERS


async def test_a_word_between_them_excuses_none(two: Fleet, tmp_path: Path) -> None:
    """A body whose bytes come one by one, each behind some changes of key that are answered."""
    async with serving(tls=listening(two.coordinator, required=False)) as (server, address):
        connection, client = await shaken(calling(two.node), address, tmp_path / "secrets")

        async def talked() -> None:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(connection, client.record(APPLICATION, POST))
            for _ in range(ROUNDS):
                said = b"".join(client.update() for _ in range(20)) + client.record(APPLICATION, b"a")
                await loop.sock_sendall(connection, said)
                await asyncio.sleep(0.01)

        with contextlib.closing(connection), pytest.raises(ConnectionError):
            await talked()
        await eventually(lambda: not server.connections)


async def test_a_few_are_no_fault(two: Fleet, tmp_path: Path) -> None:
    asked = []

    async def handler(exchange: Exchange) -> None:
        asked.append(exchange.certified)
        exchange.respond(200, [], b"")

    async with serving(handler, tls=listening(two.coordinator, required=False)) as (server, address):
        connection, client = await shaken(calling(two.node), address, tmp_path / "secrets")
        with contextlib.closing(connection):
            updates = [client.update() for _ in range(100)]
            request = client.record(APPLICATION, GET)
            assert sum(map(len, updates)) < ANSWERS
            await asyncio.get_running_loop().sock_sendall(connection, b"".join((*updates, request)))
            await eventually(lambda: asked)
            assert len(server.connections) == 1
