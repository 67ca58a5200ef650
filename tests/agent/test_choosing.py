"""Which engines an agent uses: what its owner names, what a file names, an Ollama that it may start."""

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.choosing import Choice
from agent.config import Settings
from agent.engines.engine import Engine
from agent.engines.wanted import FILE, WantedError
from agent.sensors.gpu import GpuSensor
from agent.supervision.events import Events
from tests.fakes.control import FakeEngine
from tests.fakes.doubles.running import engine_session

ENGINE = Path(__file__).parents[1] / "fakes" / "engine.py"


def nobody() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def chosen(
    directory: Path, settings: Settings, url: str = "", program: str | None = None
) -> AsyncIterator[list[Engine]]:
    url = url or f"http://127.0.0.1:{nobody()}"
    async with engine_session() as session:
        node = directory / "nodes" / "n"
        choice = Choice(settings, session, node, GpuSensor(), url, Events(), lambda _name: program)
        yield await choice.engines()


async def test_without_a_word_it_is_an_ollama_or_the_embedded_one(tmp_path: Path) -> None:
    async with chosen(tmp_path, Settings()) as engines:
        assert [each.name for each in engines] == ["ollama", "embedded"]
    async with FakeEngine.run() as fake, chosen(tmp_path, Settings(), fake.address) as engines:
        assert [each.name for each in engines] == ["ollama"]


async def test_a_file_names_engines_and_the_flag_others(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('[big]\nkind = "vllm"\nurl = "http://127.0.0.1:9"\n')
    async with chosen(tmp_path, Settings()) as engines:
        assert [each.name for each in engines] == ["big"]
    settings = Settings(engine=("embedded", "krasis:url=http://127.0.0.1:9", "big"))
    async with chosen(tmp_path, settings) as engines:
        assert [each.name for each in engines] == ["embedded", "krasis", "big"]
    (tmp_path / "nodes" / "n").mkdir(parents=True)
    (tmp_path / "nodes" / "n" / FILE).write_text("[embedded]\n")
    async with chosen(tmp_path, Settings()) as engines:
        assert [each.name for each in engines] == ["embedded"]


async def test_a_file_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(WantedError, match="cannot be read"):
        async with chosen(tmp_path, Settings()):
            pass


@pytest.mark.skipif(sys.platform == "win32", reason="the double is a shell script")
async def test_an_installed_ollama_that_does_not_run_is_started_and_ended_with_the_agent(
    tmp_path: Path,
) -> None:
    program = tmp_path / "ollama"
    program.write_text(f"#!/bin/sh\nsleep 60 | {sys.executable} {ENGINE} --port ${{OLLAMA_HOST##*:}}\n")
    program.chmod(0o700)
    settings = Settings(engine=("ollama",))
    async with chosen(tmp_path, settings, program=str(program)) as (ollama,):
        await ollama.start()
        try:
            assert (await ollama.look()).up
        finally:
            await ollama.stop()
        assert not (await ollama.look()).up


async def test_one_that_runs_is_never_ended_nor_one_started_against_its_owners_word(tmp_path: Path) -> None:
    named = Settings(engine=("ollama",))
    async with FakeEngine.run() as fake, chosen(tmp_path, named, fake.address, "/bin/false") as (ollama,):
        await ollama.start()
        await ollama.stop()
        assert (await ollama.look()).up
    settings = Settings(engine=("ollama",), start_ollama=False)
    async with chosen(tmp_path, settings, program="/bin/false") as (ollama,):
        await ollama.start()
        assert not (await ollama.look()).up
        assert not (tmp_path / "nodes").exists()
