"""Both parsers against anything: no exception, no memory, and always an answer or an end.

HERD_LONG=1 runs 200,000 cases for each; the seed is that of the case, so that one can be had alone.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import psutil
import pytest

from shared.http1.client import Response, Upstream
from shared.http1.connection import Connection
from shared.http1.exchange import Exchange
from shared.http1.faults import BadMessage, UpstreamFault
from shared.http1.limits import Limits
from shared.http1.server import Server
from tests.shared.http1.messages import Asked, Messages
from tests.shared.http1.peers import refusal
from tests.shared.http1.wire import Wire

LIMITS = Limits(head=600, headers=20, buffered=200, linger=10_000)
MANY = 200_000
FEW = 12_000
TURNS = 200
"""Of the loop, in which a case must come to rest."""
GROWTH = 16 * 2**20
"""Bytes that may stay behind after all cases."""


async def rest(over: Callable[[], bool]) -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)
        if over():
            return
    raise AssertionError("it did not come to rest")


def settled(connection: Connection) -> bool:
    """Whether it does nothing without further bytes."""
    exchange = connection._exchange
    return exchange is None or exchange.inflow.waited_for


class Asker:
    """A server, and what its handler was asked."""

    def __init__(self, chance: random.Random) -> None:
        self.asked: list[Asked] = []
        self.chance = chance
        self.server = Server(self.handle, refusal, LIMITS)

    async def handle(self, exchange: Exchange) -> None:
        if self.chance.random() < 0.5:
            body = await exchange.body(2_000)
        else:
            body = b""
            while piece := await exchange.read():
                body += piece
        self.asked.append((exchange.head.target, body))
        exchange.respond(200, [], body)

    async def meaning(self, pieces: list[bytes]) -> tuple[list[Asked], bytes]:
        """What was asked for in these bytes, and all that was answered."""
        self.asked = []
        connection = self.server.protocol()
        wire = Wire(connection)
        wire.feed(*pieces)
        await rest(lambda: wire.lost or wire.ended or (not wire.waiting and settled(connection)))
        assert connection.unread <= LIMITS.head + max(map(len, pieces), default=0)
        wire.end()
        await rest(lambda: connection not in self.server.connections)
        assert connection.task is None
        return self.asked, bytes(wire.out)


async def ask(chance: random.Random) -> None:
    """One case for the server."""
    messages, asker = Messages(chance), Asker(chance)
    said, meant = messages.requests()
    kind = chance.randrange(3)
    if kind == 1:
        said = messages.spoiled(said)
    elif kind == 2:
        said = messages.nonsense()
    once = await asker.meaning([said] if said else [])
    cut = await asker.meaning(messages.cut(said))
    assert once[0] == cut[0]
    if kind == 0:
        assert once[0] == meant
        assert once[1].count(b"HTTP/1.1 200 OK\r\n") == len(meant)
    assert len(once[1]) < 1_000 * (len(said) + 1)


async def answered(pieces: list[bytes]) -> tuple[int, bytes] | str:
    """Status and body that these bytes mean to a client, or that they mean none."""
    upstream = Upstream(LIMITS, lambda _upstream: None, lambda _upstream: None)
    wire = Wire(upstream)

    async def call() -> tuple[int, bytes] | str:
        try:
            response: Response = await upstream.request(b"GET", b"GET / HTTP/1.1\r\n\r\n")
            return response.head.status, await response.whole(2_000)
        except (UpstreamFault, BadMessage):
            return "none"

    task = asyncio.ensure_future(call())
    await asyncio.sleep(0)
    wire.feed(*pieces)
    await rest(lambda: not wire.waiting or wire.lost)
    wire.end()
    await rest(task.done)
    return task.result()


async def answer(chance: random.Random) -> None:
    """One case for the client."""
    messages = Messages(chance)
    said, body = messages.response()
    kind = chance.randrange(3)
    if kind == 1:
        said = messages.spoiled(said)
    elif kind == 2:
        said = messages.nonsense()
    once, cut = await answered([said] if said else []), await answered(messages.cut(said))
    assert once == cut
    if kind == 0:
        assert isinstance(once, tuple)
        assert once[1] == body


async def run(case: Callable[[random.Random], Awaitable[None]], number: int) -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, fault: faults.append(fault))
    process = psutil.Process()
    for seed in range(number):
        try:
            await case(random.Random(seed))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        assert not faults, f"seed {seed}: {faults}"
        if seed == number // 10:
            before = process.memory_info().rss
    assert process.memory_info().rss - before < GROWTH


@pytest.mark.parametrize("case", [ask, answer])
async def test_some_of_anything(case: Callable[[random.Random], Awaitable[None]]) -> None:
    await run(case, FEW)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", [ask, answer])
async def test_very_much_of_anything(case: Callable[[random.Random], Awaitable[None]]) -> None:
    await run(case, MANY)
