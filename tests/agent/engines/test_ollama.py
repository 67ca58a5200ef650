"""The Ollama driver: against the fake always, against the real one where it is on PATH."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from agent.addresses import ollama_url
from agent.engines.ollama import TAGS_AGE_S, VERSION_AGE_S, Ollama, slots_told
from agent.engines.server_environment import ServerEnvironment
from tests.fakes.control import FakeEngine
from tests.fakes.listening import listening
from tests.fakes.waiting import eventually


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        yield session


def driver(url: str, session: aiohttp.ClientSession, parallel: str = "") -> Ollama:
    return Ollama(url, session, timeout_s=2.0, environment={"OLLAMA_NUM_PARALLEL": parallel})


async def test_it_reads_models_replicas_abilities_and_slots(session: aiohttp.ClientSession) -> None:
    async with FakeEngine.run(models=["m:latest", "n:7b"], loaded=["m:latest"], context_length=8192) as fake:
        report = await driver(fake.address, session, "3").look()
    assert report.up
    assert report.dialects == {"ollama", "openai"}
    models = {model.name: model for model in report.models}
    assert set(models) == {"m:latest", "n:7b"}
    assert models["m:latest"].abilities == {"chat", "tools", "thinking", "embedding"}
    assert models["m:latest"].max_context == 8192
    assert models["m:latest"].digest
    assert [(each.model, each.context_length, each.slots_total) for each in report.replicas] == [
        ("m:latest", 8192, 3)
    ]
    assert report.replicas[0].vram_bytes is not None


@pytest.mark.parametrize("size", [0, -1, 2**62])
async def test_a_size_that_cannot_be_meant_is_unknown(session: aiohttp.ClientSession, size: int) -> None:
    async with FakeEngine.run(models=["m"], loaded=["m"], wrong_sizes=size) as fake:
        report = await driver(fake.address, session).look()
    assert report.up
    assert report.models[0].size_bytes == 0
    assert report.replicas[0].size_bytes == 0


async def test_nonsense_is_a_report_not_an_exception(session: aiohttp.ClientSession) -> None:
    async with FakeEngine.run(models=["m"], garbage_tags=True) as fake:
        report = await driver(fake.address, session).look()
    assert not report.up
    assert "/api/tags answered nonsense" in report.reason


async def test_a_truth_in_place_of_a_count_is_unknown(session: aiohttp.ClientSession) -> None:
    """The coordinator would refuse the whole beat for it."""
    app = web.Application()
    answers: dict[str, dict[str, Any]] = {
        "/api/ps": {"models": []},
        "/api/tags": {"models": [{"name": "m"}]},
        "/api/version": {"version": "1"},
        "/api/show": {"model_info": {"x.context_length": True}},
    }

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(answers.get(request.path, {}))

    app.router.add_route("*", "/{path:.*}", answer)
    async with listening(app, "127.0.0.1", 0) as (_, port):
        report = await driver(f"http://127.0.0.1:{port}", session).look()
    assert [(model.name, model.max_context) for model in report.models] == [("m", None)]


async def test_no_ollama_is_a_report_that_says_where_it_was_looked_for(
    session: aiohttp.ClientSession,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        report = await driver(url, session).look()
    assert not report.up
    assert url in report.reason


async def test_what_comes_with_the_weights_is_asked_once(session: aiohttp.ClientSession) -> None:
    async with FakeEngine.run(models=["m"]) as fake:
        ollama = driver(fake.address, session)
        for _ in range(3):
            await ollama.look()
        assert (await fake.state()).by_path["/api/show"] == 1


class Clock:
    """Stands still until a test moves it."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def counts(fake: FakeEngine) -> tuple[int, ...]:
    """How often it was asked for: what is loaded, the list, the version, about a model."""
    seen = (await fake.state()).by_path
    return tuple(seen.get(f"/api/{name}", 0) for name in ("ps", "tags", "version", "show"))


async def names(ollama: Ollama) -> list[str]:
    return [model.name for model in (await ollama.look()).models]


async def test_each_look_asks_only_for_what_changes_fast(session: aiohttp.ClientSession) -> None:
    clock = Clock()
    async with FakeEngine.run(models=["m", "n"], loaded=["m"]) as fake:
        ollama = Ollama(fake.address, session, 2.0, {}, clock)
        reports = [await ollama.look() for _ in range(20)]
        assert await counts(fake) == (20, 1, 1, 2)
        assert all(report.models == reports[0].models for report in reports)
        assert len({report.version for report in reports}) == 1
        assert reports[-1].version
        clock.now += TAGS_AGE_S
        assert (await ollama.look()).models == reports[0].models
        assert await counts(fake) == (21, 2, 1, 2)
        clock.now += VERSION_AGE_S
        await ollama.look()
        assert await counts(fake) == (22, 3, 2, 2)


async def test_a_model_pulled_by_hand_is_told_within_the_age_of_the_list(
    session: aiohttp.ClientSession,
) -> None:
    clock = Clock()
    async with FakeEngine.run(models=["m"]) as fake:
        ollama = Ollama(fake.address, session, 2.0, {}, clock)
        assert await names(ollama) == ["m"]
        await fake.switch(models=["m", "by hand"])
        clock.now += TAGS_AGE_S - 0.1
        assert await names(ollama) == ["m"]
        clock.now += 0.1
        assert await names(ollama) == ["m", "by hand"]
    assert TAGS_AGE_S + 5 <= 15, "with a beat of 5 s"


@pytest.mark.parametrize("hint", ["loaded", "/api/pull", "/api/delete"])
async def test_a_hint_of_a_change_brings_the_list_at_once(session: aiohttp.ClientSession, hint: str) -> None:
    async with FakeEngine.run(models=["m"]) as fake:
        ollama = Ollama(fake.address, session, 2.0, {}, Clock())
        assert await names(ollama) == ["m"]
        await fake.switch(models=["new"], loaded=["new"] if hint == "loaded" else [])
        if hint != "loaded":
            ollama.relayed("/api/chat")
            assert await names(ollama) == ["m"]
            ollama.relayed(hint)
        assert await names(ollama) == ["new"]


async def test_a_pull_that_ends_while_the_list_is_read_is_not_missed(session: aiohttp.ClientSession) -> None:
    async with FakeEngine.run(models=["m"]) as fake:
        ollama = Ollama(fake.address, session, 2.0, {}, Clock())
        looking = asyncio.create_task(names(ollama))

        async def being_read() -> bool:
            return (await counts(fake))[1] == 1

        await eventually(being_read, every_s=0)
        ollama.relayed("/api/pull")
        await looking
        await fake.switch(models=["m", "pulled"])
        assert await names(ollama) == ["m", "pulled"]


async def test_one_that_comes_back_is_asked_everything_anew(session: aiohttp.ClientSession) -> None:
    async with FakeEngine.run(models=["m"]) as fake:
        ollama = Ollama(fake.address, session, 0.5, {}, Clock())
        assert await names(ollama) == ["m"]
        fake.stop_process()
        assert not (await ollama.look()).up
        fake.continue_process()
        await fake.switch(models=["another"])
        assert await names(ollama) == ["another"]
        assert (await counts(fake))[1:3] == (2, 2)


@pytest.mark.parametrize(
    ("text", "slots"),
    [("", None), ("4", 4), ("0", None), ("many", None), ("-2", None), ("9999999", 65_536)],
)
def test_slots_are_those_that_somebody_tells(text: str, slots: int | None) -> None:
    assert slots_told({"OLLAMA_NUM_PARALLEL": text}) == slots


@pytest.mark.parametrize(
    ("its", "agents", "slots", "known"),
    [("", "", 1, False), ("", "3", 3, True), ("5", "3", 5, True), ("5", "", 5, True)],
)
async def test_the_servers_own_environment_goes_first(
    session: aiohttp.ClientSession, its: str, agents: str, slots: int, known: bool
) -> None:
    async with FakeEngine.run(
        models=["m"], loaded=["m"], inside=["env", f"OLLAMA_NUM_PARALLEL={its}"]
    ) as fake:
        environment = ServerEnvironment(fake.address, "python")
        while await environment.get() is None:
            pass  # each waits a moment for the reading; the test's own deadline ends it
        told = {"OLLAMA_NUM_PARALLEL": agents}
        report = await Ollama(fake.address, session, 2.0, told, server=environment).look()
        await environment.close()
    assert (report.slots_per_model, report.replicas[0].slots_total) == (slots, slots)
    assert report.slots_known == known


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("http://localhost:11434", "http://localhost:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("127.0.0.1:9999", "http://127.0.0.1:9999"),
        ("https://box.local", "https://box.local:11434"),
        ("[::1]:5", "http://[::1]:5"),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(host: str, url: str) -> None:
    assert ollama_url(host) == url


@pytest.mark.parametrize(("openai", "dialects"), [(True, {"ollama", "openai"}), (False, {"ollama"})])
async def test_which_dialects_it_speaks(
    session: aiohttp.ClientSession, openai: bool, dialects: set[str]
) -> None:
    async with FakeEngine.run(models=["m"], openai=openai) as fake:
        ollama = driver(fake.address, session)
        for _ in range(3):
            assert (await ollama.look()).dialects == dialects
        assert (await fake.state()).by_path["/v1/models"] == 1, "asked for every beat"


@pytest.mark.skipif(
    shutil.which("ollama") is None, reason="no ollama on PATH: its contract is tested on the fake only"
)
async def test_the_contract_holds_with_the_real_ollama(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = os.environ | {"OLLAMA_HOST": address, "OLLAMA_MODELS": str(tmp_path), "HOME": str(tmp_path)}
    process = await asyncio.create_subprocess_exec("ollama", "serve", env=environment)
    ollama = driver(f"http://{address}", session)

    async def is_up() -> bool:
        return (await ollama.look()).up

    try:
        await eventually(is_up, 20.0)
        report = await ollama.look()
        assert report.version
        assert report.models == []
    finally:
        process.terminate()
        await process.wait()


async def test_a_model_leaves_memory_when_it_is_told_to(session: aiohttp.ClientSession) -> None:
    async with FakeEngine.run(models=["m", "n"], loaded=["m", "n"]) as fake:
        engine = driver(fake.address, session)
        await engine.unload("m")
        assert [each.model for each in (await engine.look()).replicas] == ["n"]
