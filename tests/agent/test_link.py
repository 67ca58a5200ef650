"""The agent's line to a coordinator that is a real server on loopback, good or bad."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from agent.joining.plain import REPLY_BYTES, Plain
from agent.link import Link
from shared.serving import cancelled
from shared.wire import Heartbeat, HeartbeatReply
from tests.fakes.listening import listening
from tests.fakes.waiting import eventually

GOOD = {
    "status": "ok",
    "node_status": "online",
    "state": "ready",
    "coordinator_id": "a" * 32,
    "events_taken": 7,
}
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Way:
    """A route that the test sets; what it was told."""

    def __init__(self, url: str | None) -> None:
        self.url = url
        self.looks = 0
        self.silences = 0

    async def where(self) -> str | None:
        self.looks += 1
        return self.url

    def known(self) -> str | None:
        return self.url

    def answered(self, coordinator_id: str) -> bool:
        return coordinator_id == GOOD["coordinator_id"]

    def silent(self) -> None:
        self.silences += 1


class Beats:
    """Makes them; fails as often as the test wants."""

    def __init__(self, failures: int = 0) -> None:
        self.made = 0
        self.failures = failures

    async def __call__(self) -> Heartbeat:
        self.made += 1
        if self.made <= self.failures:
            raise RecursionError("overlooked")
        return Heartbeat(node_id="n", epoch=1, seq=self.made, gateway_port=9, gateway_secret="s" * 32)


@asynccontextmanager
async def coordinator(answer: Answer) -> AsyncIterator[Way]:
    app = web.Application()
    app.router.add_post("/heartbeat", answer)
    async with listening(app, "127.0.0.1", 0) as (_, port):
        yield Way(f"http://127.0.0.1:{port}")


@asynccontextmanager
async def link(way: Way, beats: Beats, interval_s: float = 0.05) -> AsyncIterator[Link]:
    async with aiohttp.ClientSession() as session:
        yield Link(way, beats, Plain(session), interval_s, asyncio.Event())


async def good(_request: web.Request) -> web.Response:
    return web.json_response(GOOD)


async def endless(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    while True:
        await answer.write(b" " * REPLY_BYTES)


async def refusing(_request: web.Request) -> web.Response:
    return web.json_response({"error": "not you"}, status=400)


async def someone_else(_request: web.Request) -> web.Response:
    return web.json_response(GOOD | {"coordinator_id": "b" * 32})


async def nested(_request: web.Request) -> web.Response:
    return web.Response(body=b'{"x":' + b"[" * 50_000)


async def test_a_beat_that_is_taken_is_taken() -> None:
    async with coordinator(good) as way, link(way, Beats()) as line:
        assert await line.announce()
        assert way.silences == 0


@pytest.mark.parametrize(("answer", "known"), [(good, [7]), (someone_else, []), (refusing, [])])
async def test_what_a_coordinator_knows_is_passed_on(answer: Answer, known: list[int]) -> None:
    heard: list[HeartbeatReply] = []
    async with coordinator(answer) as way, aiohttp.ClientSession() as session:
        await Link(way, Beats(), Plain(session), 1.0, asyncio.Event(), heard.append).announce()
    assert [reply.events_taken for reply in heard] == known


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (refusing, "refused the heartbeat: not you"),
        (endless, f"an answer of more than {REPLY_BYTES} bytes"),
        (someone_else, "another coordinator answers"),
        (nested, "is not a herd coordinator"),
    ],
)
async def test_bad_replies_are_told_and_looked_past(
    answer: Answer, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with coordinator(answer) as way, link(way, Beats()) as line:
        for _ in range(3):
            assert not await line.announce()
        assert way.silences == 3
    [message] = caplog.messages
    assert told in message


async def test_a_fault_that_was_overlooked_does_not_end_the_line(caplog: pytest.LogCaptureFixture) -> None:
    beats = Beats(failures=2)
    async with coordinator(good) as way, link(way, beats) as line:
        running = asyncio.create_task(line.run())
        await eventually(lambda: beats.made >= 4)
        await cancelled(running)
    faults = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(faults) == 2
    assert faults[0].exc_info


async def test_many_changes_make_few_beats() -> None:
    beats = Beats()
    async with coordinator(good) as way, link(way, beats, interval_s=60) as line:
        running = asyncio.create_task(line.run())
        for _ in range(100):
            line.wake()
            await asyncio.sleep(0.01)
        await cancelled(running)
    assert 2 <= beats.made <= 12


async def test_a_goodbye_looks_for_nobody_and_waits_for_nobody() -> None:
    async def hanging(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    nowhere = Way(None)
    async with link(nowhere, Beats()) as line:
        await line.say_goodbye(await Beats()())
        assert nowhere.looks == 0
    async with coordinator(hanging) as way, link(way, Beats()) as line, asyncio.timeout(2.5):
        await line.say_goodbye(await Beats()())
        assert way.looks == 0
