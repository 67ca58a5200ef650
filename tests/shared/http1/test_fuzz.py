"""Both parsers against anything: no exception, no memory, always an answer or an end, and no body that nobody sent.

200,000 cases for each, in parts that run side by side; the seed is that of the case, so that one can be had alone.
"""

import asyncio
import gc
import random
import tracemalloc
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
from shared.http1.sweep import Sweep
from tests.shared.http1.messages import Asked, Messages
from tests.shared.http1.peers import refusal
from tests.shared.http1.wire import Wire

LIMITS = Limits(head=600, headers=20, buffered=200, linger=10_000)
CASES = 25_000
PARTS = 8
"""200,000 cases in all for each parser: some 30 s of CPU."""
NEVER_S = 3_600.0
TURNS = 200
"""Of the loop, in which a case must come to rest."""
GROWTH = 8 * 2**20
"""Bytes that may stay behind after all cases of a part."""
PEAK = 256 * 1024
"""Bytes of Python's that any case may take at once, of the few that are watched so closely."""
KEPT = 64 * 1024
WATCHED = 1_500
KINDS = ("good", "spoiled", "nonsense", "good, then anything", "cut short")
"""Of what is said: as it was meant; changed; no message at all; something behind what is good; its beginning."""


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
        self.server.sweep = Sweep(NEVER_S)  # to it a wire without a socket looks broken, on a slow machine

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
    kind = chance.choice(KINDS)
    if kind == "spoiled":
        said = messages.spoiled(said)
    elif kind == "nonsense":
        said = messages.nonsense()
    elif kind == "good, then anything":
        said += messages.spoiled(messages.requests()[0]) if chance.random() < 0.5 else messages.nonsense()
    elif kind == "cut short":
        said = said[: chance.randrange(len(said))]
    once = await asker.meaning([said] if said else [])
    cut = await asker.meaning(messages.cut(said))
    asker.server.sweep.close()  # its timer would keep the case
    assert once[0] == cut[0]
    answers = once[1].count(b"HTTP/1.1 200 OK\r\n")
    if kind == "good":
        assert once[0] == meant
        assert answers == len(meant)
    elif kind == "good, then anything":
        assert once[0][: len(meant)] == meant
        assert answers >= len(meant)
    elif kind == "cut short":
        assert once[0] == meant[: len(once[0])], "never a part for the whole"
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
    ends_itself = any(each in said for each in (b"Content-Length: ", b"Transfer-Encoding: "))
    kind = chance.choice(KINDS)
    if kind == "spoiled":
        said = messages.spoiled(said)
    elif kind == "nonsense":
        said = messages.nonsense()
    elif kind == "good, then anything" and ends_itself:
        said += messages.nonsense()
    elif kind == "cut short":
        said = said[: chance.randrange(len(said))]
    once, cut = await answered([said] if said else []), await answered(messages.cut(said))
    assert once == cut
    if kind == "good" or (kind == "good, then anything" and ends_itself):
        assert isinstance(once, tuple)
        assert once[1] == body
    elif kind == "cut short":
        assert once == "none" or (isinstance(once, tuple) and not ends_itself and body.startswith(once[1]))


async def run(case: Callable[[random.Random], Awaitable[None]], seeds: range) -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, fault: faults.append(fault))
    process = psutil.Process()
    for seed in seeds:
        try:
            await case(random.Random(seed))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        assert not faults, f"seed {seed}: {faults}"
        if seed == seeds[len(seeds) // 10]:
            before = process.memory_info().rss
    assert process.memory_info().rss - before < GROWTH


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("case", [ask, answer])
async def test_anything(case: Callable[[random.Random], Awaitable[None]], part: int) -> None:
    await run(case, range(part * CASES, (part + 1) * CASES))


@pytest.mark.parametrize("case", [ask, answer])
async def test_no_case_takes_much_and_none_keeps_any(
    case: Callable[[random.Random], Awaitable[None]],
) -> None:
    """By Python's own count of bytes, which sees what RSS hides."""
    for seed in range(WATCHED // 10):
        await case(random.Random(seed))
    gc.collect()
    tracemalloc.start()
    try:
        begun, _ = tracemalloc.get_traced_memory()
        for seed in range(WATCHED):
            tracemalloc.reset_peak()
            at, _ = tracemalloc.get_traced_memory()
            await case(random.Random(seed))
            assert tracemalloc.get_traced_memory()[1] - at < PEAK, f"seed {seed}"
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - begun < KEPT
    finally:
        tracemalloc.stop()
