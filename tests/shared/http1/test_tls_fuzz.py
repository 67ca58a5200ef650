"""TLS against anything: no exception, no memory, always an answer or an end, and nothing that nobody sent."""

import asyncio
import contextlib
import ctypes
import gc
import random
import ssl
import sys
from typing import Any

import psutil
import pytest

from shared.http1.exchange import Exchange
from shared.http1.limits import Limits
from shared.http1.pool import Pool
from shared.http1.server import Server
from shared.trust.contexts import calling, listening
from tests.fakes.waiting import eventually
from tests.shared.http1.peers import LIMIT, SPOKEN, connected, refusal, serving
from tests.shared.http1.wire import Wire
from tests.shared.trust.fleet_of_two import COORDINATOR, Fleet, fleet

CASES = 1_500
GROWTH = 16 * 2**20
"""Bytes that may stay behind after all cases."""
TURNS = 200
"""Of the loop, in which a case must come to rest."""
ASKED = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\n\r\n" + b"x" * 300


@pytest.fixture(scope="module")
def two() -> Fleet:
    return fleet()


class Doors:
    """A server for TLS only, and what its handler was asked."""

    def __init__(self, two: Fleet) -> None:
        self.bodies: list[bytes] = []
        self.client = calling(two.node)
        limits = Limits(head=2_000, linger=10_000)
        tls = listening(two.coordinator, required=True)
        self.server = Server(self.handle, refusal, limits, tls=tls, plain=False)

    async def handle(self, exchange: Exchange) -> None:
        self.bodies.append(await exchange.body(LIMIT))
        exchange.respond(200, [], b"good")

    async def case(self, chance: random.Random) -> None:
        wire = Wire(self.server.accepted())
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.client.wrap_bio(incoming, outgoing)
        spoil_at = chance.randrange(4)
        for flight in range(3):
            said = flown(tls, outgoing, flight)
            if flight == spoil_at:
                said = spoiled(chance, said)
            for piece in cut(chance, said):
                wire.feed(piece)
            await asyncio.sleep(0)
            incoming.write(bytes(wire.out))
            wire.out.clear()
        wire.end()
        await at_rest(self.server)
        assert all(body == b"x" * 300 for body in self.bodies)
        if spoil_at == 3:
            assert self.bodies
        self.bodies.clear()


def flown(tls: ssl.SSLObject, outgoing: ssl.MemoryBIO, flight: int) -> bytes:
    """What a client sends next; nothing where it has been refused."""
    try:
        if flight == 2:
            tls.write(ASKED)
        else:
            tls.do_handshake()
    except (ssl.SSLError, OSError):
        pass
    return outgoing.read()


def spoiled(chance: random.Random, said: bytes) -> bytes:
    """A byte changed, left out, put in; a record twice, none at all; or nonsense."""
    at = chance.randrange(len(said)) if said else 0
    ways = (
        lambda: said[:at] + bytes((chance.randrange(256),)) + said[at + 1 :],
        lambda: said[:at] + said[at + 1 :],
        lambda: said[:at] + chance.randbytes(chance.randrange(1, 40)) + said[at:],
        lambda: said + said,
        lambda: said[:at],
        lambda: said + b"\x16" + chance.randbytes(chance.randrange(600)),
        lambda: chance.randbytes(chance.randrange(1, 600)),
        lambda: bytes((0x16, 3, 1)) + b"\xff\xff" + chance.randbytes(4_000),
    )
    return chance.choice(ways)()


def cut(chance: random.Random, said: bytes) -> list[bytes]:
    stops = sorted(chance.randrange(len(said)) for _ in range(chance.randrange(4))) if said else []
    pieces = [said[start:end] for start, end in zip([0, *stops], [*stops, len(said)], strict=True)]
    return [piece for piece in pieces if piece]


async def at_rest(server: Server) -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)
        if not server.connections and not server.doors:
            return
    raise AssertionError("it did not come to rest")


async def test_anything(two: Fleet) -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, fault: faults.append(fault))
    doors, process, before = Doors(two), psutil.Process(), 0
    for seed in range(CASES):
        try:
            await doors.case(random.Random(seed))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        assert not faults, f"seed {seed}: {faults}"
        if seed == CASES // 5:
            before = process.memory_info().rss
    assert process.memory_info().rss - before < GROWTH
    doors.server.sweep.close()


async def test_garbage_at_the_socket_is_answered_or_ended(two: Fleet) -> None:
    """On the port that speaks both."""
    chance = random.Random(9)
    async with serving(tls=listening(two.coordinator, required=False)) as (server, address):
        plain = address._replace(tls=False, name="")
        for first in range(256):
            async with connected(plain, bytes((first,)), chance.randbytes(2_000), b"\r\n\r\n") as peer:
                async with asyncio.timeout(5.0):
                    with contextlib.suppress(ConnectionError):
                        await peer.reader.read(LIMIT)
        await eventually(lambda: not server.doors and not server.connections)
    assert SPOKEN.server is None


def held_bytes() -> int:
    """What is in use, without what the C library keeps for later."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(psutil.Process().memory_info().rss)


@pytest.mark.skipif(
    sys.platform != "linux", reason="only there the C library can be told to give memory back"
)
async def test_what_once_was_large_does_not_stay(two: Fleet) -> None:
    """TLS keeps buffers of the size of the most that went through them at once."""
    big, count = bytes(8 * 2**20), 12

    async def echo(exchange: Exchange) -> None:
        exchange.respond(200, [], await exchange.body(len(big)))

    pool = Pool(Limits(buffered=2**20), calling(two.node))
    async with serving(echo, tls=listening(two.coordinator, required=True)) as (server, (host, port, *_)):
        address = SPOKEN.address(host, port)._replace(tls=True, name=COORDINATOR)

        async def call() -> None:
            response = await pool.request(address, b"POST", b"/", [], big)
            assert await response.whole(len(big)) == big

        await call()
        before = held_bytes()
        await asyncio.gather(*[call() for _ in range(count)])
        assert len(server.connections) == count
        assert (held_bytes() - before) / count < 2**20
        pool.close()
