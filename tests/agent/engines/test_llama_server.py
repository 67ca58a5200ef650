"""The stock llama-server: as a router against a double, with one model against the real llama.cpp of the wheel."""

import asyncio
import importlib.util
import json
import shutil
import socket
from pathlib import Path

import pytest

from agent.engines import llama_server
from agent.engines.engine import EngineError
from agent.engines.openai_server import OpenAIServer
from agent.engines.source import Adopted
from agent.supervision.launch import LADDER, Rung
from tests.agent.workers.llamacpp_process import running as running_llamacpp
from tests.fakes.doubles.running import behind_gateway, engine_session, running
from tests.fakes.random_model import ensure_random_model
from tests.fakes.waiting import eventually

LOOK_S = 4.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def words(rung: Rung, **more: object) -> str:
    options = llama_server.Options(model="/m/tiny.gguf", slots=4, context=8192, **more)  # type: ignore[arg-type]
    return " ".join(llama_server.launch(options, ("/bin/llama-server",), 9000, rung).command)


def test_its_command_line_says_what_it_serves_and_where() -> None:
    assert words(Rung.AS_IT_WAS) == (
        "/bin/llama-server -m /m/tiny.gguf --alias tiny --host 127.0.0.1 --port 9000 "
        "--metrics --slots --props -c 32768 -np 4"
    )
    assert "--embeddings" in words(Rung.AS_IT_WAS, embedding=True)
    routed = llama_server.launch(llama_server.Options(models_dir="/m"), ("l",), 1, Rung.AS_IT_WAS).command
    assert routed[1:5] == ("--models-dir", "/m", "--models-max", "1")


def test_each_rung_takes_less_than_the_one_above() -> None:
    lines = [words(rung, gpu_layers=32).partition("--props ")[2] for rung in LADDER]
    assert lines == [
        "-c 32768 -np 4 -ngl 32",
        "-c 8192 -np 1 -ngl 32",
        "-c 4096 -np 1 -ngl 32",
        "-c 4096 -np 1 --cache-type-k q8_0 --cache-type-v q8_0 --flash-attn on -ngl 32",
        "-c 4096 -np 1 --cache-type-k q8_0 --cache-type-v q8_0 --flash-attn on -ngl 16",
        "-c 4096 -np 1 --cache-type-k q8_0 --cache-type-v q8_0 --flash-attn on -ngl 0",
    ]


async def test_a_router_has_models_on_disk_loaded_ones_and_none_that_failed() -> None:
    options = llama_server.Options(models_dir="/m", slots=2)
    double = running("llama_router", "--models", "a,b,bad", "--loaded", "a")
    async with double as it, engine_session() as session:
        engine = OpenAIServer(
            "llama-server",
            llama_server.CONTRACT,
            Adopted(it.address),
            lambda ask: llama_server.read(options, ask),
            session,
            LOOK_S,
            mending=llama_server.MENDING,
        )
        report = await engine.look()
        assert [each.name for each in report.models] == ["a", "b"]
        assert [(each.model, each.context_length, each.slots_total) for each in report.replicas] == [
            ("a", 512, 2)
        ]
        await llama_server.unload(session, it.address, "a")
        assert (await engine.look()).replicas == []
        with pytest.raises(EngineError):
            await llama_server.unload(session, it.address, "unknown")


@pytest.mark.real_engine
@pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="xllamacpp is not installed here")
async def test_the_real_llamacpp_is_read_and_called(tmp_path: Path) -> None:
    """The wheel's server is the same program's, started in another way."""
    async with running_llamacpp(ensure_random_model(tmp_path), "--slots", "2") as worker:
        await _read_and_called(worker.line["address"], "tiny")


@pytest.mark.skipif(shutil.which(llama_server.PROGRAM) is None, reason="no llama-server is on PATH")
async def test_the_stock_program_is_read_and_called(tmp_path: Path) -> None:
    options = llama_server.Options(model=str(ensure_random_model(tmp_path)), served_name="tiny")
    launched = llama_server.launch(options, (llama_server.PROGRAM,), free_port(), Rung.AS_IT_WAS)
    process = await asyncio.create_subprocess_exec(*launched.command, stderr=asyncio.subprocess.DEVNULL)
    try:
        await _read_and_called(f"http://127.0.0.1:{launched.port}", "tiny")
    finally:
        process.terminate()
        await process.wait()


async def _read_and_called(address: str, name: str) -> None:
    async with engine_session() as session:
        engine = OpenAIServer(
            "llama-server",
            llama_server.CONTRACT,
            Adopted(address),
            lambda ask: llama_server.read(llama_server.Options(), ask),
            session,
            LOOK_S,
            mending=llama_server.MENDING,
        )

        async def up() -> bool:
            return (await engine.look()).up

        await eventually(up, 20)
        report = await engine.look()
        assert [each.name for each in report.models] == [name]
        assert report.replicas[0].context_length
        async with behind_gateway(engine, session) as door:
            status, _, body = await door.chat(name, stream=False, max_tokens=4)
            assert (status, "choices" in json.loads(body)) == (200, True)
