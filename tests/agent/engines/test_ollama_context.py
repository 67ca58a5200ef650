"""With which context an Ollama loads a model for a call that asks for none: from whatever tells it, else unknown."""

import os
import sys
from collections.abc import Mapping

import aiohttp
import pytest

from agent.engines.ollama import Ollama
from agent.engines.ollama_context import GIB, of_model, of_server
from agent.engines.server_environment import ServerEnvironment
from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually

TOLD = {"OLLAMA_CONTEXT_LENGTH": "16384"}


@pytest.mark.parametrize(
    ("ours", "its", "version", "vram_gib", "context"),
    [
        (TOLD, None, "", None, 16384),
        ({}, TOLD, "0.30.0", 80, 16384),
        ({"OLLAMA_CONTEXT_LENGTH": "8192"}, TOLD, "0.30.0", 80, 16384),
        ({"OLLAMA_CONTEXT_LENGTH": "much"}, TOLD, "0.30.0", 80, 16384),
        ({"OLLAMA_CONTEXT_LENGTH": "0"}, {}, "0.30.0", 0, 4096),
        # Nobody tells, but the server's environment could be read: it is by its VRAM.
        ({}, {}, "0.30.0", 0, 4096),
        ({}, {}, "0.30.0", 22, 4096),
        ({}, {}, "0.30.0", 23, 32768),
        ({}, {}, "0.15.5", 24, 32768),
        ({}, {}, "0.30.0", 47, 262144),
        ({}, {}, "0.30.0", None, None),
        ({}, {}, "0.15.4", 47, 4096),
        ({}, {}, "0.6.0", 0, None),
        ({}, {}, "nonsense", 0, None),
        # It could not be read: nothing is guessed.
        ({}, None, "0.30.0", 0, None),
    ],
)
def test_of_a_server(
    ours: Mapping[str, str],
    its: Mapping[str, str] | None,
    version: str,
    vram_gib: int | None,
    context: int | None,
) -> None:
    assert of_server(ours, its, version, None if vram_gib is None else vram_gib * GIB) == context


@pytest.mark.parametrize(
    ("parameters", "context"),
    [
        ("", None),
        ('stop                           "<|end|>"', None),
        ('num_ctx                        16384\nstop                           "<|end|>"', 16384),
        ("num_ctx 0", None),
        ('stop "num_ctx 5"', None),
    ],
)
def test_of_a_model(parameters: str, context: int | None) -> None:
    assert of_model(parameters) == context


async def test_it_is_in_the_report() -> None:
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
        FakeEngine.run(["m"]) as fake,
    ):
        told = Ollama(fake.address, session, 2.0, TOLD)
        assert (await told.look()).default_context == 16384
        unknown = Ollama(fake.address, session, 2.0, {}, vram_bytes=_no_gpu)
        assert (await unknown.look()).default_context is None, "no process of that name listens there"
        for each in (told, unknown):
            await each.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
async def test_the_servers_own_environment_is_found_by_its_port() -> None:
    async with FakeEngine.run(["m"]) as fake, FakeEngine.run(["m"]):
        environment = ServerEnvironment(fake.address, "python")

        async def read() -> bool:
            return await environment.get() is not None

        await eventually(read)
        assert (await environment.get() or {})["PATH"] == os.environ["PATH"]
        await environment.close()
        assert await ServerEnvironment(fake.address, "ollama-that-is-not-here").get() is None


async def _no_gpu() -> int:
    return 0


@pytest.mark.parametrize("url", ["http://10.1.2.3:11434", "http://127.0.0.1:1"])
async def test_a_server_that_is_not_here_tells_nothing(url: str) -> None:
    environment = ServerEnvironment(url, "python")
    assert await environment.get() is None
    await environment.close()
