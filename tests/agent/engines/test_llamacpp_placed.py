"""Where llama.cpp puts a model, in its own words, and what builds of it tell."""

import sys
from pathlib import Path

import pytest

from agent.engines.llamacpp_placed import devices, placed_words, places_itself, sees_gpus
from agent.models.placement import Placement
from agent.supervision.launch import Launch
from tests.agent.models.test_placement import GIB, card
from tests.agent.supervised import WORKER, supervising, until_ready
from tests.fakes.random_model import ensure_random_model

CUDA = b"ggml_cuda_init: found 1 device\nAvailable devices:\n  CUDA0: NVIDIA H200 (143771 MiB, 143000 MiB free)\n"


def test_words() -> None:
    one = Placement((card(0, 24),), 33, (5 * GIB,), GIB, whole=True)
    assert placed_words(one) == ("--gpu-layers", "33")
    assert placed_words(Placement((), 0, (), GIB, whole=False)) == ("--gpu-layers", "0")
    two = Placement((card(0, 24), card(1, 8)), 20, (GIB, GIB), GIB, whole=False, split=(12 * GIB, 3))
    assert placed_words(two) == ("--gpu-layers", "20", "--tensor-split", "12288,1")


def test_who_places_it_himself() -> None:
    assert places_itself(("--seed", "1", "-ngl", "4"))
    assert places_itself(("--tensor-split=1,1",))
    assert not places_itself(("--seed", "1"))


@pytest.mark.parametrize(
    ("told", "some"),
    [(CUDA, True), (b"Available devices:\n", False), (b"  CUDA0: before\n", False), (b"", False)],
)
def test_devices(told: bytes, some: bool) -> None:
    assert devices(told) is some


async def test_a_build_is_asked(tmp_path: Path) -> None:
    assert await sees_gpus((sys.executable, "-c", f"print({CUDA.decode()!r})"), otherwise=False)
    failing = (sys.executable, "-c", "raise SystemExit(1)")
    assert await sees_gpus(failing, otherwise=True)
    assert not await sees_gpus(failing, otherwise=False)
    assert await sees_gpus((str(tmp_path / "absent"),), otherwise=True)


@pytest.mark.real_engine
async def test_the_embedded_one_takes_the_words(tmp_path: Path) -> None:
    assert not await sees_gpus((sys.executable, str(WORKER)), otherwise=True)
    model = ensure_random_model(tmp_path)
    options = ("--model", str(model), "--alias", "m", "--gpu-layers", "3", "--tensor-split", "3,1.5")
    command = (sys.executable, str(WORKER), *options)
    async with supervising(tmp_path, lambda _: Launch(command=command)) as supervisor:
        await until_ready(supervisor)
