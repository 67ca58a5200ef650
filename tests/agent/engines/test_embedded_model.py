"""Which file the embedded engine serves, and that the one that comes with herd is whole."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from agent.engines.embedded_model import GUIDE, ModelFile, architecture, digest, model_file
from agent.engines.llamacpp import LlamaCpp
from agent.models.refusal import ModelRefused
from agent.supervision.events import Events
from agent.supervision.kinds import Kind
from tests.fakes.random_model import ensure_random_model
from tests.fakes.waiting import eventually

SIZE_LIMIT = 3_000_000


async def test_the_model_that_comes_with_herd_is_small_and_whole() -> None:
    model = model_file("")
    assert (model.name, model.path) == ("herd-guide", GUIDE)
    assert 100_000 < GUIDE.stat().st_size <= SIZE_LIMIT
    assert await digest(model) == model.sha256
    assert await architecture(model.path) == "llama"


async def test_an_own_file_is_called_as_it_is_named(tmp_path: Path) -> None:
    own = ensure_random_model(tmp_path)
    model = model_file(str(own))
    assert model == ModelFile("herd-random", own)
    assert (await digest(model))[:16] == "1afba23bf5ac367a"
    assert await architecture(own) == "llama"
    assert model_file("~/m/Qwen3-0.6B-Q8_0.gguf").name == "Qwen3-0.6B-Q8_0"
    assert model_file("~/m/q.gguf").path == Path.home() / "m" / "q.gguf"


async def test_a_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "herd-guide.gguf"
    content = bytearray(GUIDE.read_bytes())
    content[-1] ^= 1
    copy.write_bytes(content)
    with pytest.raises(
        ModelRefused, match=r"herd-guide\.gguf is not the file that came with herd: its sha256 is"
    ):
        await digest(ModelFile("herd-guide", copy, model_file("").sha256))


async def test_a_file_that_is_not_there_is_refused_by_its_name(tmp_path: Path) -> None:
    missing = ModelFile("m", tmp_path / "m.gguf")
    with pytest.raises(ModelRefused, match=r"m\.gguf"):
        await digest(missing)
    with pytest.raises(ModelRefused, match=r"m\.gguf"):
        await architecture(missing.path)


@pytest.mark.parametrize(
    "content", [b"", b"GGUF", b"GGUF" + bytes(40), b"PK\x03\x04" + bytes(100), b"GGUF" + b"\xff" * 60]
)
async def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelRefused, match=r"^other\.gguf: "):
        await architecture(path)


async def test_a_file_that_did_not_arrive_whole_is_refused(tmp_path: Path) -> None:
    part = tmp_path / "part.gguf"
    part.write_bytes(GUIDE.read_bytes()[:-1_000])
    with pytest.raises(ModelRefused, match="did not arrive whole"):
        await architecture(part)


async def test_the_engine_is_down_with_the_reason_and_starts_nothing(tmp_path: Path) -> None:
    changed = tmp_path / "herd-guide.gguf"
    changed.write_bytes(GUIDE.read_bytes() + b"\0")
    async with aiohttp.ClientSession() as session:
        engine = LlamaCpp(
            session,
            tmp_path,
            ModelFile("herd-guide", changed, model_file("").sha256),
            slots=1,
            context_length=64,
            threads=1,
            start_timeout_s=20,
            look_timeout_s=1,
        )
        await engine.start()
        told = await engine.look()
        await engine.stop()
    assert not told.up
    assert "is not the file that came with herd" in told.reason
    assert engine.url is None
    assert not (tmp_path / "logs").exists()


@pytest.mark.real_engine
async def test_a_file_that_arrives_later_is_loaded_then(tmp_path: Path) -> None:
    part, events = tmp_path / "part.gguf", Events()
    part.write_bytes(GUIDE.read_bytes()[:-1_000])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        engine = LlamaCpp(
            session,
            tmp_path,
            ModelFile("guide", part),
            slots=1,
            context_length=64,
            threads=1,
            start_timeout_s=20,
            look_timeout_s=5,
            events=events,
            retry_s=0.1,
        )
        await engine.start()
        try:
            assert "did not arrive whole" in (await engine.look()).reason
            whole = tmp_path / "whole"
            whole.write_bytes(GUIDE.read_bytes())
            whole.replace(part)
            await eventually(lambda: engine.url is not None, 20)
            assert [each.name for each in (await engine.look()).models] == ["guide"]
        finally:
            await engine.stop()
    assert {(event.kind, event.then) for event in events.all()} == {(Kind.MODEL, "next try in 0.1 s")}


async def test_an_engine_that_waits_for_its_file_is_ended_at_once(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        engine = LlamaCpp(
            session,
            tmp_path,
            ModelFile("none", tmp_path / "none.gguf"),
            slots=1,
            context_length=64,
            threads=1,
            start_timeout_s=20,
            look_timeout_s=1,
        )
        await engine.start()
        async with asyncio.timeout(1):
            await engine.stop()
