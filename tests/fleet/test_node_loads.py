"""What an agent does before an engine of its own loads a model: reads the file, looks for room, says where it goes."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.agent.loading.llama import whole_file
from tests.fakes.nvml import build_nvml
from tests.fakes.random_model import ensure_random_model
from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd, herd, node
from tests.fleet.verbs import verb

SERVER = """#!/bin/sh
if [ "$1" = --list-devices ]; then
    echo Available devices:
    echo "  CUDA0: NVIDIA"
    exit 0
fi
echo "$CUDA_VISIBLE_DEVICES|$CUDA_DEVICE_ORDER|$@" > {told}
exec sleep 60
"""
"""In place of llama-server: tells how it was started."""


async def event(fleet: Herd) -> dict[str, Any]:
    """The first of the node."""
    await eventually(lambda: events(fleet), 20)
    found: dict[str, Any] = (await events(fleet))[0]
    return found


async def events(fleet: Herd) -> list[dict[str, Any]]:
    known = await fleet.nodes()
    return known["n"]["events"] if "n" in known else []


def server(directory: Path) -> tuple[str, Path]:
    """The program, and the file in which it tells."""
    program, told = directory / "llama-server", directory / "told"
    program.write_text(SERVER.format(told=told))
    program.chmod(0o700)
    return str(program), told


@pytest.mark.real_engine
async def test_one_that_has_no_room_is_refused_with_figures(tmp_path: Path) -> None:
    model = ensure_random_model(tmp_path)
    async with (
        herd(tmp_path) as fleet,
        node(tmp_path, fleet.address, "n", embedded_model=model, model_memory_cap=0.000001),
    ):
        told = await event(fleet)
        assert (told["engine"], told["kind"]) == ("embedded", "out of memory")
        assert told["then"] == "it is not loaded, next try in 600 s"
        assert "of the host's memory, free 0 MiB" in told["lines"][0]
        said = await verb("coordinator", "describe", "node", "n", f"--url={fleet.address}")
        assert "MiB of the host's memory, free 0 MiB" in said.out


async def test_a_directory_of_which_a_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf/config.json").write_text('{"model_type": "llama"}')
    engine = f"vllm:program={shutil.which('false')}:model={tmp_path / 'hf'}"
    async with herd(tmp_path) as fleet, node(tmp_path, fleet.address, "n", engine=engine):
        told = await event(fleet)
        assert (told["engine"], told["kind"]) == ("vllm", "model file")
        assert "has neither model.safetensors nor model.safetensors.index.json" in told["lines"][0]


@pytest.mark.parametrize(("own", "seen"), [("", "GPU-0000-1"), ("0", "GPU-0000-0")])
async def test_on_the_card_that_it_fits_best_and_the_owner_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, seen: str
) -> None:
    """Two cards of 24 GiB, with 23 and 22 free."""
    monkeypatch.setenv("LD_LIBRARY_PATH", str(build_nvml(tmp_path)))
    monkeypatch.setenv("STANDIN_GPUS", "2")
    if own:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", own)
    program, told = server(tmp_path)
    engine = f"llama-server:program={program}:model={whole_file(tmp_path / 'llama.gguf')}"
    async with herd(tmp_path) as fleet, node(tmp_path, fleet.address, "n", engine=engine):
        await eventually(lambda: told.exists() and told.read_text(), 20)
        cards, order, words = told.read_text().strip().split("|")
    assert (cards, order) == (seen, "PCI_BUS_ID")
    assert words.endswith("--gpu-layers 33")
