"""What all servers of OpenAI's dialect have in common, over readings that are values: no server, no process."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from agent.engines.asking import Ask
from agent.engines.engine import Contract, EngineError, ErrorAnswer
from agent.engines.openai_lists import model, replica
from agent.engines.openai_server import Mending, OpenAIServer, Reading
from agent.engines.source import Adopted, Missing, Source
from agent.supervision.progress import Progress
from shared.errors import GatewayUnreachable
from tests.fakes.waiting import eventually

ONE = model("tiny:latest", 2048, frozenset({"chat"}))
READING = Reading(models=[ONE], replicas=[replica(ONE, 1)], slots=4)
KRASIS = Contract(kind="krasis", one_at_a_time=True, silent_while_busy=True, serves_any_name=True)


class Told:
    """What the engine tells, and how often it was asked."""

    def __init__(self) -> None:
        self.reading: Reading | Exception = READING
        self.asked = 0

    async def read(self, _ask: Ask) -> Reading:
        self.asked += 1
        if isinstance(self.reading, Exception):
            raise self.reading
        return self.reading


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def a_server(
    session: aiohttp.ClientSession,
    told: Told,
    contract: Contract = KRASIS,
    source: Source | None = None,
    progress: Progress | None = None,
) -> OpenAIServer:
    source = source or Adopted("http://127.0.0.1:9")
    return OpenAIServer("it", contract, source, told.read, session, 0.5, progress=progress)


async def test_a_silent_one_is_not_asked_over_a_call_and_answers_from_memory(
    session: aiohttp.ClientSession,
) -> None:
    told = Told()
    server = a_server(session, told)
    assert (await server.look()).replicas[0].slots_busy == 0
    assert server.told("GET /v1/models") is None
    async with server.turn():
        told.reading = EngineError("no answer")
        report = await server.look()
        assert (report.up, report.replicas[0].slots_busy, told.asked) == (True, 1, 1)
        listed = server.told("GET /v1/models")
        assert listed is not None
        assert [each["id"] for each in json.loads(listed)["data"]] == ["tiny:latest"]
        assert server.told("POST /v1/chat/completions") is None

    async def down() -> bool:
        return not (await server.look()).up

    await eventually(down)


async def test_calls_take_turns_and_one_that_left_holds_none(session: aiohttp.ClientSession) -> None:
    server = a_server(session, Told())
    began: list[str] = []

    async def call(name: str, until: asyncio.Event) -> None:
        async with server.turn():
            began.append(name)
            await until.wait()

    ends = {name: asyncio.Event() for name in "abc"}
    calls = {name: asyncio.create_task(call(name, end)) for name, end in ends.items()}
    await asyncio.sleep(0)
    assert began == ["a"]
    calls["b"].cancel()
    ends["a"].set()
    await calls["a"]
    ends["c"].set()
    await calls["c"]
    assert began == ["a", "c"]
    assert calls["b"].cancelled()


async def test_a_call_whose_caller_left_keeps_the_engine_busy_until_it_answers(
    session: aiohttp.ClientSession,
) -> None:
    free, progress = asyncio.Event(), Progress()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await free.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as door:
        url = f"http://127.0.0.1:{door.sockets[0].getsockname()[1]}"
        server = a_server(session, Told(), source=Adopted(url), progress=progress)
        await server.look()
        with pytest.raises(asyncio.CancelledError):
            async with server.turn():
                raise asyncio.CancelledError
        await eventually(lambda: progress.open == 1)
        assert (await server.look()).replicas[0].slots_busy == 1
        nxt = asyncio.create_task(_taken(server))
        await asyncio.sleep(0)
        assert not nxt.done()
        free.set()
        await nxt
        await server.stop()


async def _taken(server: OpenAIServer) -> None:
    async with server.turn():
        pass


async def test_who_watches_it_knows_of_its_calls(session: aiohttp.ClientSession) -> None:
    progress = Progress()
    server = a_server(session, Told(), Contract(kind="vllm"), progress=progress)
    async with server.turn() as moved, server.turn():
        before = progress.moved_at
        assert progress.open == 2
        moved()
        assert progress.moved_at >= before
    assert progress.open == 0


async def test_an_engine_that_tells_how_far_it_is_moves_its_calls(session: aiohttp.ClientSession) -> None:
    progress, told = Progress(), Told()
    server = a_server(session, told, Contract(kind="vllm"), progress=progress)
    await server.look()
    assert progress.moved_at == 0.0
    told.reading = Reading(mark="17 tokens")
    await server.look()
    first = progress.moved_at
    assert first > 0.0
    await server.look()
    assert progress.moved_at == first


async def test_a_call_past_its_time_gives_its_turn_back(session: aiohttp.ClientSession) -> None:
    contract = Contract(kind="x", one_at_a_time=True, answer_timeout_s=0.01)
    progress = Progress()
    server = a_server(session, Told(), contract, progress=progress)
    with pytest.raises(GatewayUnreachable, match=r"it gave no answer within 0\.01 s"):
        async with server.turn():
            await asyncio.Event().wait()
    assert progress.open == 0
    async with server.turn():
        pass


async def test_another_models_call_is_not_served_by_the_one_it_has(session: aiohttp.ClientSession) -> None:
    server = a_server(session, Told())
    other = b'{"model": "other", "messages": []}'
    assert await server.fitted("/v1/chat/completions", other) == other  # nothing is known yet
    await server.look()
    for body in (b'{"model": "tiny"}', b'{"model": "tiny:latest"}', b"{}", b"nonsense"):
        assert await server.fitted("/v1/chat/completions", body) == body
    with pytest.raises(ErrorAnswer) as raised:
        await server.fitted("/v1/chat/completions", other)
    assert raised.value.status == 404
    assert json.loads(raised.value.body)["error"]["message"] == "model 'other' not found in it"
    careful = a_server(session, Told(), Contract(kind="vllm"))
    await careful.look()
    assert await careful.fitted("/v1/chat/completions", other) == other


async def test_one_that_takes_one_call_says_so_whatever_it_read(session: aiohttp.ClientSession) -> None:
    assert (await a_server(session, Told()).look()).slots_per_model == 1
    report = await a_server(session, Told(), Contract(kind="vllm", restricted="cost")).look()
    assert (report.slots_per_model, report.restricted) == (4, "cost")


@pytest.mark.parametrize("fault", [EngineError("it is dead"), TimeoutError()])
async def test_trouble_is_a_report(session: aiohttp.ClientSession, fault: Exception) -> None:
    told = Told()
    told.reading = fault
    report = await a_server(session, told).look()
    assert not report.up
    assert report.reason in ("it is dead", "http://127.0.0.1:9 told too little within 0.5 s")


async def test_one_that_is_not_there_says_what_to_do(session: aiohttp.ClientSession) -> None:
    report = await a_server(session, Told(), source=Missing("install it")).look()
    assert (report.up, report.reason) == (False, "install it")


def test_without_mending_bytes_pass() -> None:
    mending = Mending()
    assert mending.carriage("/v1/chat/completions", b"{}") is None
    assert mending.true_fault(500, b"x") == (500, b"x")
