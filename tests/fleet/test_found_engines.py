"""What an agent uses when nobody says: an Ollama where there is one, else the embedded engine. Fake Ollama."""

import socket
from pathlib import Path

import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.harness import herd, node


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_an_ollama_that_is_there_is_used_alone(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"]) as fake,
        herd(tmp_path) as coordinator,
        node(tmp_path, coordinator.address, "n", engine="", ollama_host=fake.address),
    ):
        await coordinator.ready("n")
        engines = (await coordinator.nodes())["n"]["engines"]
        assert [(engine["kind"], engine["up"]) for engine in engines] == [("ollama", True)]


@pytest.mark.real_engine
async def test_one_that_comes_later_is_adopted_beside_the_embedded_engine(tmp_path: Path) -> None:
    port = free_port()
    async with (
        herd(tmp_path) as coordinator,
        node(tmp_path, coordinator.address, "n", engine="", ollama_host=f"http://127.0.0.1:{port}"),
    ):
        await coordinator.ready("n")
        assert [entry["id"] for entry in (await coordinator.get("/v1/models"))["data"]] == ["herd-guide"]

        async def models() -> list[str]:
            return [entry["id"] for entry in (await coordinator.get("/v1/models"))["data"]]

        async def both() -> bool:
            return await models() == ["herd-guide", "m"]

        async with FakeEngine.run(["m"], port=port):
            await eventually(both, 10)
