"""Ways in which an engine fails one call, byte by byte, and the calls beside it that must not notice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp

from tests.fakes.waiting import eventually
from tests.fleet.played import CHUNKED, Play, Played, Steady, Told, chat, chunk, line, saying, whole
from tests.shared.http1.peers import Peer

BESIDE = 20
BEGUN = CHUNKED + chunk(line("begun"))


def _then(said: bytes, *, reset: bool = False, after: asyncio.Event | None = None) -> Play:
    """Ends the connection behind these bytes. `after`: the caller has seen the beginning."""

    async def play(_told: Told, peer: Peer) -> None:
        if after:
            peer.send(BEGUN)
            await peer.writer.drain()
            await after.wait()
            after.clear()
        peer.send(said)
        await peer.writer.drain()
        if reset:
            peer.reset()
        peer.close()

    return play


async def _endless(_told: Told, peer: Peer) -> None:
    peer.send(CHUNKED)
    while not peer.writer.is_closing():
        peer.send(chunk(line("more ")))
        await peer.writer.drain()
        await asyncio.sleep(0.01)


BEFORE_A_BYTE: dict[str, Play] = {
    "error": _then(whole(b'{"error":"out of memory"}', b"500 Internal Server Error")),
    "kept-error": saying(whole(b'{"error":"no"}', b"500 Internal Server Error")),
    "reset-first": _then(b"", reset=True),
    "closed-first": _then(b""),
    "no-http": _then(b"what?\r\n\r\n"),
    "half-a-head": _then(CHUNKED[:40]),
}
IN_THE_MIDDLE = {
    "half-a-chunk": b"40\r\nhalf",
    "half-a-chunk-reset": b"40\r\nhalf",
    "half-a-size": b"4",
    "no-size": b"zz\r\n",
    "no-last-chunk": b"",
}
"""What comes behind a good beginning, before the connection ends."""


def plays(steady: Steady, seen: asyncio.Event) -> dict[str, Play]:
    """All by their names. `seen`: a stream that is to break goes on when its beginning was seen."""
    middle = {
        name: _then(said, reset=name.endswith("reset"), after=seen) for name, said in IN_THE_MIDDLE.items()
    }
    return {"steady": steady.play, "endless": _endless, **BEFORE_A_BYTE, **middle}


@asynccontextmanager
async def streams_beside(
    session: aiohttp.ClientSession, url: str, steady: Steady, headers: dict[str, str]
) -> AsyncIterator[None]:
    """Many streams that began before the block and end behind it; none may have lost or gained a byte."""
    async with AsyncExitStack() as stack:
        calls = [
            await stack.enter_async_context(session.post(url, json=chat(f"steady {number}"), headers=headers))
            for number in range(BESIDE)
        ]
        assert [call.status for call in calls] == [200] * BESIDE
        before = {name: len(sent) for name, sent in steady.sent.items()}
        assert len(before) == BESIDE
        yield
        await eventually(lambda: all(len(sent) > before[name] for name, sent in steady.sent.items()))
        steady.over.set()
        for number, call in enumerate(calls):
            assert await call.read() == bytes(steady.sent[str(number)])


async def leaves_in_its_middle(
    session: aiohttp.ClientSession, url: str, engine: Played, headers: dict[str, str]
) -> None:
    """A caller that reads a little of a stream and breaks its connection."""
    before = len(engine.told)
    response = await session.post(url, json=chat("endless"), headers=headers)
    assert await response.content.readline()
    response.close()
    assert len(engine.told) == before + 1
