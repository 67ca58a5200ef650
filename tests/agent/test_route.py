"""Finding a coordinator among real servers on loopback; mDNS itself is tried in tests/lan."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from agent.candidates import SWITCH_AFTER_S, Candidate
from agent.joining.plain import PROBE_TIMEOUT_S, Plain
from agent.route import (
    ALL_HEARD_S,
    SEARCH_EVERY_S,
    TELL_EVERY_S,
    Discovered,
    Fixed,
    first_answer,
    first_in_order,
)
from shared.adverts import COORDINATORS, Found
from shared.destinations.rules import CHOSEN
from shared.mdns import Mdns
from tests.fakes.listening import listening

NOBODY = "http://127.0.0.1:9"
A, B, C = "a" * 32, "b" * 32, "c" * 32


@asynccontextmanager
async def coordinator(key: str, delay_s: float = 0.0) -> AsyncIterator[int]:
    async def health(_request: web.Request) -> web.Response:
        await asyncio.sleep(delay_s)
        return web.json_response({"status": "ok", "coordinator_id": key})

    app = web.Application()
    app.router.add_get("/health", health)
    async with listening(app, "127.0.0.1", 0) as (_, port):
        yield port


class Watch:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Scene:
    """A route, what it was told, and what it told."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.mdns = Mdns([COORDINATORS], lambda: None)
        self.searches = 0
        self.mdns.search = self._searched  # type: ignore[method-assign]
        self.clock = Watch()
        self.chosen: list[str] = []
        self.bound = ""
        self.picky = False
        self.route = Discovered(
            *(self.mdns, Plain(session).id_at, NOBODY, self.chosen.append, self.clock),
            bound=lambda: self.bound,
            picky=lambda: self.picky,
            rule=CHOSEN,  # the real servers of a test are on loopback
        )

    def _searched(self) -> None:
        self.searches += 1

    def hears(self, key: str, port: int) -> None:
        self.mdns.found[key] = Found(COORDINATORS, key, ("127.0.0.1",), port, {"id": key})

    def no_longer_hears(self, key: str) -> None:
        del self.mdns.found[key]


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with aiohttp.ClientSession() as session:
        yield Scene(session)


async def test_nobody_is_nowhere_and_is_asked_for_ever_more_rarely(scene: Scene) -> None:
    seen = []
    for _ in range(12):
        assert await scene.route.where() is None
        seen.append(scene.searches)
        scene.clock.now += SEARCH_EVERY_S
    assert seen == [0, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4]


async def test_the_same_one_is_kept_while_it_answers(scene: Scene) -> None:
    async with coordinator(A) as first, coordinator(B) as second:
        scene.hears(B, second)
        assert await scene.route.where() == f"http://127.0.0.1:{second}"
        assert scene.route.answered(B)
        scene.hears(A, first)
        assert await scene.route.where() == f"http://127.0.0.1:{second}"
        assert scene.chosen == [B]


async def test_one_that_was_joined_is_waited_for_whoever_else_answers(scene: Scene) -> None:
    scene.bound = B
    async with coordinator(A) as first:
        scene.hears(A, first)
        for _ in range(3):
            assert await scene.route.where() is None
            scene.clock.now += SWITCH_AFTER_S
        async with coordinator(B) as second:
            scene.hears(B, second)
            assert await scene.route.where() == f"http://127.0.0.1:{second}"
    assert scene.chosen == [B]


async def test_of_several_none_is_asked_to_let_a_node_in_that_nobody_sent(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.picky = True
    async with coordinator(A) as first, coordinator(B) as second:
        scene.hears(A, first)
        scene.hears(B, second)
        assert await scene.route.where() is None
        assert "several coordinators are heard, and this node has joined none" in caplog.text
        scene.no_longer_hears(A)
        assert await scene.route.where() == f"http://127.0.0.1:{second}"


async def test_a_silent_one_is_waited_for_and_then_left(scene: Scene) -> None:
    async with coordinator(A) as first:
        async with coordinator(B) as second:
            scene.hears(B, second)
            await scene.route.where()
            assert scene.route.answered(B)
        scene.hears(A, first)
        scene.route.silent()
        assert await scene.route.where() is None
        scene.clock.now += SWITCH_AFTER_S
        assert await scene.route.where() == f"http://127.0.0.1:{first}"
        assert scene.chosen == [B, A]


async def test_one_that_moved_is_followed_at_once(scene: Scene) -> None:
    async with coordinator(A) as before, coordinator(A) as after:
        scene.hears(A, before)
        await scene.route.where()
        scene.hears(A, after)
        scene.route.silent()
        assert await scene.route.where() == f"http://127.0.0.1:{after}"
        assert scene.chosen == [A]


async def test_an_address_that_went_to_another_coordinator_is_noticed(scene: Scene) -> None:
    async with coordinator(A) as port:
        scene.hears(A, port)
        await scene.route.where()
        assert not scene.route.answered(B)


async def test_an_advert_that_somebody_else_answers_for_is_not_believed(scene: Scene) -> None:
    async with coordinator(B) as port:
        scene.hears(A, port)
        assert await scene.route.where() is None


async def told(scene: Scene, caplog: pytest.LogCaptureFixture, seconds: float) -> list[str]:
    """What it warns of when it is asked again so much later."""
    caplog.clear()
    scene.clock.now += seconds
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await scene.route.where()
    return [record.getMessage() for record in caplog.records]


async def test_several_coordinators_are_reported_once_and_all_of_them(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    async with coordinator(A) as first, coordinator(B) as second:
        scene.hears(A, first)
        scene.hears(B, second)
        assert await told(scene, caplog, 0) == [], "others may have yet to answer"
        scene.hears(C, 9)
        [line] = await told(scene, caplog, ALL_HEARD_S)
        assert f"with {A} at http://127.0.0.1:{first}" in line
        assert f"not with {B} at http://127.0.0.1:{second}, {C} at {NOBODY};" in line
        assert await told(scene, caplog, TELL_EVERY_S) == []


async def test_another_coordinator_is_reported_a_minute_after_those_before(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    async with coordinator(A) as port:
        scene.hears(A, port)
        scene.hears(B, 9)
        assert await told(scene, caplog, 0) == []
        assert len(await told(scene, caplog, ALL_HEARD_S)) == 1
        scene.hears(C, 9)
        assert await told(scene, caplog, TELL_EVERY_S - 1) == []
        [line] = await told(scene, caplog, 1)
        assert f"{B} at {NOBODY}, {C} at {NOBODY}" in line


async def test_coordinators_that_are_heard_anew_are_collected_anew(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    async with coordinator(A) as port:
        scene.hears(A, port)
        scene.hears(B, 9)
        assert await told(scene, caplog, 0) == []
        scene.no_longer_hears(B)
        assert await told(scene, caplog, ALL_HEARD_S) == []
        scene.hears(B, 9)
        assert await told(scene, caplog, 0) == []
        assert len(await told(scene, caplog, ALL_HEARD_S)) == 1


async def test_a_slow_address_does_not_hide_a_good_one() -> None:
    async with AsyncExitStack() as stack:
        slow = await stack.enter_async_context(coordinator(A, delay_s=30))
        good = await stack.enter_async_context(coordinator(A))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        urls = (f"http://127.0.0.1:{slow}", NOBODY, f"http://127.0.0.1:{good}")
        async with asyncio.timeout(1.9):  # less than a probe's patience with the slow one
            assert await first_answer(Plain(session).id_at, Candidate("", urls)) == Candidate(A, urls[2:])


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{}", b"[1]", b'{"coordinator_id": 5}', b"\xff", b"x" * 100_000),
        b'{"x":' + b"[" * 4_000,
    ],
)
async def test_somebody_elses_server_is_no_coordinator(body: bytes) -> None:
    async def health(_request: web.Request) -> web.Response:
        return web.Response(body=body)

    app = web.Application()
    app.router.add_get("/health", health)
    async with (
        listening(app, "127.0.0.1", 0) as (_, port),
        aiohttp.ClientSession() as session,
    ):
        assert await first_answer(Plain(session).id_at, Candidate("", (f"http://127.0.0.1:{port}",))) is None


async def test_a_given_address_is_where_it_is() -> None:
    chosen: list[str] = []
    route = Fixed("http://w:11435", chosen.append)
    route.silent()
    assert route.answered(A)
    assert await route.where() == "http://w:11435"
    assert chosen == [A]


async def test_the_choice_is_among_all_that_are_there_not_among_the_quickest(scene: Scene) -> None:
    async with coordinator(A) as first, coordinator(B) as second:
        scene.hears(B, second)
        looking = asyncio.create_task(scene.route.where())
        await asyncio.sleep(0)
        scene.hears(A, first)
        assert await looking == f"http://127.0.0.1:{first}"


async def test_coordinators_that_are_gone_delay_nobody() -> None:
    async with AsyncExitStack() as stack:
        gone = [await stack.enter_async_context(coordinator(A, delay_s=30)) for _ in range(5)]
        good = await stack.enter_async_context(coordinator(B))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        order = [Candidate(A, (f"http://127.0.0.1:{port}",)) for port in gone]
        reached = Candidate(B, (f"http://127.0.0.1:{good}",))
        async with asyncio.timeout(2 * PROBE_TIMEOUT_S):
            assert await first_in_order(Plain(session).id_at, [*order, reached]) == reached


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    sent = 0

    async def health(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b" " * 2**16)
            sent += 2**16

    app = web.Application()
    app.router.add_get("/health", health)
    async with (
        listening(app, "127.0.0.1", 0) as (_, port),
        aiohttp.ClientSession() as session,
    ):
        assert await first_answer(Plain(session).id_at, Candidate("", (f"http://127.0.0.1:{port}",))) is None
    assert sent < 32 * 2**20  # what the sockets between the two hold
