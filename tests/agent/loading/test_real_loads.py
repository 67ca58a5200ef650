"""Loads of the real llama.cpp, judged before each start: what is refused never runs, what is granted serves."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from agent.engines.embedded_model import ModelFile
from agent.engines.llamacpp_forms import LlamaCppForms
from agent.loading.decision import Model, total_bytes
from agent.loading.engine_load import EngineLoad
from agent.loading.measuring import Measuring
from agent.models.files import read_model
from agent.supervision.kinds import Kind
from agent.supervision.launch import Rung
from agent.supervision.memory_groups import MemoryGroups
from agent.supervisor import Supervisor
from tests.agent.loading.llama import of_unknown_quantisation, truncated
from tests.agent.loading.world import World
from tests.agent.models.test_placement import GIB
from tests.agent.supervised import WORKER, supervising, until_ready
from tests.fakes.random_model import ensure_random_model
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.real_engine


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_random_model(tmp_path_factory.mktemp("models"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    async def no_gpu(_processes: object) -> None:
        return None

    return World(tmp_path, measured=Measuring(no_gpu).used)


def forms(model: Path) -> LlamaCppForms:
    """Four calls of 32,768 tokens: 64 MiB of cache."""
    return LlamaCppForms(ModelFile("m", model), 4, 32_768, 1, 20.0)


def needed_gib(model: Path, rung: Rung) -> float:
    found = read_model(model)
    size = total_bytes(forms(model).spec(), Model(found.shape, found.weights), rung, gpu=False)
    return size / 0.8 / GIB + 0.001


@contextlib.asynccontextmanager
async def loading(world: World, model: Path, name: str = "one", least: int = 0) -> AsyncIterator[Supervisor]:
    form = forms(model)
    load = EngineLoad(name, form.spec(), world.loads, world.corrections, MemoryGroups(), least)
    directory = world.directory / name
    launch = lambda rung: form.launch(WORKER, rung)  # noqa: E731
    async with supervising(directory, launch, rungs=form.rungs, admission=load) as supervisor:
        yield supervisor


async def slots(supervisor: Supervisor) -> int:
    assert supervisor.ready is not None
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{supervisor.ready.address}/slots") as answer,
    ):
        return len(await answer.json())


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (truncated, "it did not arrive whole"),
        (of_unknown_quantisation, "quantisation Q4_2 of token_embd.weight"),
    ],
)
async def test_a_bad_file_is_refused_and_nothing_runs(
    world: World, model: Path, tmp_path: Path, spoil: object, words: str
) -> None:
    bad = spoil(tmp_path / "bad.gguf", model)  # type: ignore[operator]
    async with loading(world, bad) as supervisor:
        await supervisor.changed.wait()
        assert words in supervisor.reason
        assert "it is not loaded, next try in 600 s" in supervisor.reason
        (event,) = supervisor.events.all()
    assert (event.kind, event.code, event.then) == (Kind.MODEL, None, "it is not loaded, next try in 600 s")
    assert words in event.lines[0]
    assert not (tmp_path / "one/logs/it.log").exists()


async def test_one_that_fits_on_no_rung_is_refused_with_figures(world: World, model: Path) -> None:
    world.host = 0.001
    async with loading(world, model) as supervisor:
        await supervisor.changed.wait()
        assert "of the host's memory, free 0 MiB; it is not loaded" in supervisor.reason
        assert supervisor.quarantined
        (event,) = supervisor.events.all()
        assert (event.kind, event.rung) == (Kind.MEMORY, Rung.AS_IT_WAS)


async def test_it_is_started_on_the_first_rung_that_fits(world: World, model: Path) -> None:
    world.host = needed_gib(model, Rung.SMALLER_CONTEXT)
    assert world.host < needed_gib(model, Rung.FEWER_SLOTS)
    async with loading(world, model) as supervisor:
        await until_ready(supervisor)
        assert supervisor.rung is Rung.SMALLER_CONTEXT
        assert await slots(supervisor) == 1
        (event,) = supervisor.events.all()
    assert (event.kind, event.rung, event.then) == (
        Kind.MEMORY,
        Rung.AS_IT_WAS,
        "smaller context instead of as it was",
    )


async def test_two_that_together_are_over_the_cap(world: World, model: Path) -> None:
    """Each alone would go as it is wanted; what the first was granted and has not touched yet is not the second's."""
    world.host = 1.5 * needed_gib(model, Rung.AS_IT_WAS)
    copy = Path(shutil.copy(model, world.directory / "copy.gguf"))
    async with loading(world, model, least=GIB) as one, loading(world, copy, "two", least=GIB) as two:
        await asyncio.gather(until_ready(one), until_ready(two))
        assert {one.rung, two.rung} == {Rung.AS_IT_WAS, Rung.FEWER_SLOTS}


async def test_one_file_is_read_by_one_after_the_other(world: World, model: Path) -> None:
    began: list[str] = []
    async with loading(world, model) as one:
        await eventually(lambda: "one" in world.loads.granted)
        async with loading(world, model, "two") as two:

            def noted() -> bool:
                begun = world.loads.granted.get("two")
                if begun and not began:
                    began.append("after" if world.loads.granted["one"].loaded else "beside")
                return two.ready is not None

            await eventually(noted, 20.0, 0.005)
        assert one.ready is not None
    assert began == ["after"]


async def test_what_it_took_is_measured_and_learned(world: World, model: Path) -> None:
    async with loading(world, model) as supervisor:
        await until_ready(supervisor)
        await eventually((world.directory / "model-memory.json").exists)
        granted = world.loads.granted["one"]
    assert granted.claim.factor == 1.0
    async with loading(world, model) as supervisor:
        await until_ready(supervisor)
        assert world.loads.granted["one~2"].claim.factor != 1.0


async def test_after_an_end_it_is_granted_anew(world: World, model: Path) -> None:
    async with loading(world, model) as supervisor:
        pid = await until_ready(supervisor)
        first = world.loads.granted["one"].number
        os.kill(pid, signal.SIGKILL)
        await until_ready(supervisor, pid)
        assert world.loads.granted["one"].number > first
