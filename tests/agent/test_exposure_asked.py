"""At which addresses of its machine an engine answers: asked of real servers, on addresses of loopback."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Self

import aiohttp
import pytest

from agent import exposure
from agent.exposure import Exposure
from agent.sessions import engine_session
from shared.interfaces import Address
from shared.serving import cancelled
from shared.wire import Engine
from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually

HERE, THERE = "127.0.0.2", "127.0.0.3"
"""Of loopback, on Linux; for these tests addresses of the machine."""
OURS = (Address("eth0", 2, HERE, 8), Address("eth1", 3, THERE, 8))
SOON_S = 0.05


class At:
    """An engine, as far as it matters here."""

    def __init__(self, url: str | None) -> None:
        self.url = url


class Watched:
    """An Exposure that looks; `beat` is what the agent would tell of the engine."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str | None,
        own: Iterable[Address] = OURS,
        kind: str = "ollama",
    ) -> None:
        self.own = list(own)
        self.news = 0
        self.engine = At(url)
        self.report = Engine(name="it", kind=kind)
        self.exposure = Exposure({"it": self.engine}, session, SOON_S, self._heard, self._mine)
        self.looks = 0

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.exposure.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await cancelled(self.task)

    def _heard(self) -> None:
        self.news += 1

    def _mine(self) -> list[Address]:
        self.looks += 1
        return self.own

    def beat(self) -> list[str]:
        return self.exposure.told(self.report).open_at

    async def looked(self) -> None:
        """Waits until a look that begins after this has ended."""
        self.beat()
        before = self.looks
        await eventually(lambda: self.looks >= before + 2)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with engine_session(4.0) as made:
        yield made


def port_of(fake: FakeEngine) -> int:
    return int(fake.address.rpartition(":")[2])


async def test_one_on_loopback_only_is_not_open_and_is_asked_nothing(session: aiohttp.ClientSession) -> None:
    async with FakeEngine.run() as fake, Watched(session, fake.address) as watched:
        await watched.looked()
        assert watched.beat() == []
        assert (await fake.state()).calls == []
        assert watched.news == 0


async def test_one_that_listens_elsewhere_too_is_told_and_told_no_more(
    session: aiohttp.ClientSession,
) -> None:
    async with FakeEngine.run() as fake:
        port = port_of(fake)
        async with Watched(session, f"http://localhost:{port}") as watched:
            async with FakeEngine.run(host=HERE, port=port):
                await eventually(lambda: watched.beat() == [HERE])
                assert watched.news == 1
            await eventually(lambda: watched.beat() == [])
            assert watched.news == 2


async def test_another_program_at_the_same_port_is_not_it(session: aiohttp.ClientSession) -> None:
    async with (
        FakeEngine.run() as fake,
        FakeEngine.run(host=HERE, port=port_of(fake), version="0.1.20") as other,
        await asyncio.start_server(lambda _, writer: writer.close(), THERE, port_of(fake)),
        Watched(session, fake.address) as watched,
    ):
        await watched.looked()
        assert [call.path for call in (await other.state()).calls][:1] == ["/api/version"]
        assert watched.beat() == []
        await other.switch(version=None)
        await eventually(lambda: watched.beat() == [HERE])


async def test_one_of_openais_dialect_is_known_by_its_models(session: aiohttp.ClientSession) -> None:
    async with (
        FakeEngine.run(["a"]) as fake,
        FakeEngine.run(["b"], host=HERE, port=port_of(fake)) as other,
        Watched(session, fake.address, kind="vllm") as watched,
    ):
        await watched.looked()
        assert watched.beat() == []
        await other.switch(models=["a"])
        await eventually(lambda: watched.beat() == [HERE])


async def test_one_that_is_silent_for_a_while_is_told_as_before(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposure, "ASK_S", 0.2)
    async with (
        FakeEngine.run() as fake,
        FakeEngine.run(host=HERE, port=port_of(fake)) as same,
        Watched(session, fake.address) as watched,
    ):
        await eventually(lambda: watched.beat() == [HERE])
        same.stop_process()
        await watched.looked()
        assert watched.beat() == [HERE]
        same.continue_process()
        fake.stop_process()
        await watched.looked()
        assert watched.beat() == [HERE]


async def test_one_asked_at_an_address_of_the_machine_is_open_there(session: aiohttp.ClientSession) -> None:
    own = [Address("eth0", 2, "192.0.2.7", 24), *OURS]
    async with FakeEngine.run(host=HERE) as fake, Watched(session, "http://192.0.2.7:9", own) as watched:
        await eventually(lambda: watched.beat() == ["192.0.2.7"])
        watched.engine.url = f"http://192.0.2.8:{port_of(fake)}"
        await eventually(lambda: watched.beat() == [])
        assert (await fake.state()).calls == [], "it is another machine's"
        watched.engine.url = None
        await watched.looked()
        assert watched.beat() == []


async def test_one_that_is_down_is_not_open_and_is_looked_at_when_it_is_back(
    session: aiohttp.ClientSession,
) -> None:
    async with (
        FakeEngine.run() as fake,
        FakeEngine.run(host=HERE, port=port_of(fake)),
        Watched(session, fake.address) as watched,
    ):
        await eventually(lambda: watched.beat() == [HERE])
        down = Engine(name="it", kind="ollama", up=False)
        assert watched.exposure.told(down) == down
        assert watched.exposure.told(watched.report).open_at == [], "what was known of it is of its past"
        await eventually(lambda: watched.beat() == [HERE])


async def test_a_fault_of_its_own_is_the_agents_no_trouble(session: aiohttp.ClientSession) -> None:
    async with (
        FakeEngine.run() as fake,
        FakeEngine.run(host=HERE, port=port_of(fake)),
        Watched(session, fake.address) as watched,
    ):
        sound, faults = watched._mine, []

        def broken() -> list[Address]:
            faults.append(1)
            raise RuntimeError("no interfaces today")

        watched.exposure._own = broken
        await eventually(lambda: (watched.beat(), len(faults) > 1)[1])
        assert not watched.task.done()
        watched.exposure._own = sound
        await eventually(lambda: watched.beat() == [HERE])


async def test_none_is_looked_at_where_the_setting_says_so(session: aiohttp.ClientSession) -> None:
    exposed = Exposure({"it": At("http://127.0.0.1:9")}, session, 0.0, lambda: None, lambda: OURS)
    async with asyncio.timeout(5):
        await exposed.run()
    assert exposed.told(Engine(name="it", kind="ollama")).open_at == []
