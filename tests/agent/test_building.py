"""From what is wanted to engines: adopted ones, started ones, and those that cannot be had."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from agent.building import Around, built, opening, origin
from agent.engines.kinds import BUILT_IN, KINDS
from agent.engines.openai_server import OpenAIServer
from agent.engines.options import Started
from agent.engines.wanted import wanted
from agent.supervision.launch import LADDER, Launch, Rung
from tests.fakes.doubles.running import Double, behind_gateway, engine_session, running


class Noted:
    """In place of a supervisor: notes what it would start."""

    def __init__(self) -> None:
        self.reason = "not started"
        self.changed = asyncio.Event()
        self.ready: Double | None = None
        self.launch: Callable[[Rung], Launch] | None = None
        self.told: dict[str, Any] = {}

    def __call__(self, name: str, launch: Callable[[Rung], Launch], **told: Any) -> "Noted":
        self.launch, self.told = launch, {"name": name} | told
        return self

    def start(self) -> None:
        self.reason = "starting"
        self.changed.set()

    async def stop(self) -> None:
        """Nothing runs."""


def engine(
    text: str, directory: Path, session: aiohttp.ClientSession, noted: Noted, *, installed: bool = True
) -> OpenAIServer:
    (want,) = wanted([text], {}, KINDS, BUILT_IN)
    around = Around(session, directory, 2.0, noted, lambda name: f"/opt/x/bin/{name}" if installed else None)
    return built(want, KINDS[want.kind], around)


async def test_one_with_a_url_is_adopted_and_called(tmp_path: Path) -> None:
    noted = Noted()
    async with running("serverlessllm") as double, engine_session() as session:
        one = engine(f"serverlessllm:url={double.address}/v1", tmp_path, session, noted)
        assert (await one.look()).up
        async with behind_gateway(one, session) as door:
            status, _, body = await door.chat("m", stream=False)
    assert (status, json.loads(body)["choices"][0]["finish_reason"]) == (200, "stop")
    assert noted.launch is None


async def test_one_without_is_started_with_all_that_its_contract_says(tmp_path: Path) -> None:
    noted = Noted()
    async with engine_session() as session:
        one = engine("krasis:model=/m/moe:port=9", tmp_path, session, noted)
        assert (await one.look()).reason == "not started"
        await one.start()
        assert (await one.look()).reason == "starting"
    assert noted.launch is not None
    launch = noted.launch(Rung.AS_IT_WAS)
    assert launch.command[:3] == ("/opt/x/bin/krasis", "--non-interactive", "--model-path")
    assert (noted.told["model"], noted.told["patience"].answers_while_busy) == ("moe", False)


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.launch])
async def test_every_start_is_on_loopback_at_a_kept_port_on_each_rung(tmp_path: Path, name: str) -> None:
    noted = Noted()
    async with engine_session() as session:
        engine(f"{name}:model=/m/tiny", tmp_path, session, noted)
    assert noted.launch is not None
    launches = [noted.launch(rung) for rung in LADDER]
    ports = {launch.command[launch.command.index("--port") + 1] for launch in launches}
    assert len(ports) == 1
    for launch in launches:
        assert "0.0.0.0" not in launch.command
        assert launch.port is None or str(launch.port) in ports
        msgspec.json.encode(launch)
    again = Noted()
    async with engine_session() as session:
        engine(f"{name}:model=/m/tiny", tmp_path, session, again)
    assert again.launch is not None
    assert again.launch(Rung.AS_IT_WAS).command == launches[0].command


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("vllm", "give model="),
        ("serverlessllm:url=", "only adopted: give url="),
        ("openai", "only adopted: give url="),
        ("openai:url=ftp://x", "is no address"),
        (
            "vllm:url=http://10.0.0.7:8000",
            "is not on this machine: run herd-node there, or name it as openai:url=",
        ),
        (
            "openai:url=http://127.0.0.1:9:key_file=/nonexistent/key",
            "key file /nonexistent/key cannot be read",
        ),
    ],
)
async def test_one_that_cannot_be_had_is_down_and_says_why(tmp_path: Path, text: str, words: str) -> None:
    async with engine_session() as session:
        report = await engine(text, tmp_path, session, Noted()).look()
    assert not report.up
    assert words in report.reason


@pytest.mark.parametrize(
    "options",
    [
        {"arguments": ("--host", "0.0.0.0")},
        {"arguments": ("-v", "--host=::")},
        {"environment": {"OLLAMA_HOST": "0.0.0.0"}},
        {"environment": {"llama_arg_host": "0.0.0.0"}},
    ],
    ids=["flag", "flag-and-value", "variable", "in-small-letters"],
)
def test_nothing_opens_an_engine_further(options: dict[str, Any]) -> None:
    assert opening(Started(**options))
    with pytest.raises(ValueError, match="is started on loopback"):
        origin(KINDS["vllm"], Started(model="/m/x", **options), lambda _: "/usr/bin/vllm")
    assert not opening(Started(arguments=("--max-model-len", "9"), environment={"CUDA_VISIBLE_DEVICES": "0"}))


async def test_one_that_is_not_installed_says_how_it_would_be(tmp_path: Path) -> None:
    async with engine_session() as session:
        report = await engine("vllm:model=/m/x", tmp_path, session, Noted(), installed=False).look()
    assert report.reason.startswith("vllm is not installed here: pip install vllm")
