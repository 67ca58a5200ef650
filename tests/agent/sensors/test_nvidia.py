"""The binding to NVML, through the real loader, on a stand-in for the driver's library."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.wire import Gpu, GpuLink, Pcie
from tests.fakes.builders import GIB
from tests.fakes.nvml import build_nvml

ROOT = Path(__file__).parents[3]
READ = """
import json, os, sys, msgspec, pynvml
from agent.sensors.nvidia import Nvidia
nvidia = Nvidia()
for world in json.loads(sys.argv[1]):
    os.environ.update(world)
    gpus, reason = nvidia.read()
    taken = list(nvidia.by_process.values())
    entered = pynvml.nvmlLib.standin_entered() if pynvml.nvmlLib else 0
    print(msgspec.json.encode({"gpus": gpus, "reason": reason, "entered": entered, "taken": taken}).decode())
"""
DRIVER_NOT_LOADED, UNKNOWN, UNINITIALISED = "9", "999", "1"


class Reading(msgspec.Struct):
    """What one reading gave, and how often the library had been entered by then."""

    gpus: list[Gpu]
    reason: str
    entered: int
    taken: list[dict[int, int]] = []
    """Bytes of each card by process."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the stand-in."""
    return build_nvml(tmp_path_factory.mktemp("nvml"))


def read(library: Path, *worlds: dict[str, str]) -> list[Reading]:
    """One sensor's readings, one in each of `worlds`, in a process that finds the stand-in by name."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STANDIN_")}
    ran = subprocess.run(
        [sys.executable, "-c", READ, msgspec.json.encode(worlds).decode()],
        env=environment | {"LD_LIBRARY_PATH": str(library), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return [msgspec.json.decode(line, type=Reading) for line in ran.stdout.splitlines()]


SWITCH = GpuLink(kind="nvlink", peer="0000:c0:00.0", count=1)


def pair(**changes: Any) -> list[Gpu]:
    """Two cards, linked to each other."""
    peers = [GpuLink(kind="nvlink", peer=card(1 - index).bus, count=2) for index in range(2)]
    return [card(index, **({"links": [peers[index], SWITCH]} | changes)) for index in range(2)]


def card(index: int, **changes: Any) -> Gpu:
    """What the stand-in says of a card."""
    whole = Gpu(
        index=index,
        uuid=f"GPU-0000-{index}",
        bus=f"0000:1{'ab'[index]}:00.0",
        name="NVIDIA GeForce RTX 4090",
        vram_total_bytes=24 * GIB,
        vram_used_bytes=(1 + index) * GIB,
        vram_free_bytes=(23 - index) * GIB,
        utilization_pct=40.0 + index,
        temperature_c=60.0 + index,
        power_watts=215.5 + index,
        processes=index,
        pcie=Pcie(generation=4 + index, width=16),
        links=[SWITCH],
    )
    return msgspec.structs.replace(whole, **changes)


def test_two_gpus(library: Path) -> None:
    first, second = read(library, {"STANDIN_GPUS": "2"}, {})
    assert (first.gpus, first.reason) == (pair(), "")
    assert second == first  # entered once


def test_what_each_process_takes(library: Path) -> None:
    (reading,) = read(library, {"STANDIN_GPUS": "3"})
    assert reading.taken == [{}, {1000: GIB}, {1000: GIB, 1001: GIB}]
    (refused,) = read(library, {"STANDIN_GPUS": "3", "STANDIN_REFUSES": "processes,"})
    assert refused.taken == [{}, {}, {}]


def test_links_are_asked_about_once_a_minute(library: Path) -> None:
    _, later = read(library, {"STANDIN_GPUS": "2"}, {"STANDIN_REFUSES": "nvlink,generation,"})
    assert later.gpus == pair(pcie=None)


def test_no_gpu(library: Path) -> None:
    assert read(library, {"STANDIN_GPUS": "0"}) == [Reading([], "", 1)]


@pytest.mark.parametrize(
    ("refused", "changes"),
    [
        ("utilization", {"utilization_pct": None}),
        ("temperature", {"temperature_c": None}),
        ("power", {"power_watts": None}),
        ("processes", {"processes": None}),
        ("name", {"name": ""}),
        ("uuid", {"uuid": ""}),
        ("bus", {"bus": ""}),
        ("generation", {"pcie": None}),
        ("width", {"pcie": None}),
        ("nvlink", {"links": None}),
        ("peer", {"links": [GpuLink(kind="nvlink", count=3)]}),
        ("memory", {"vram_total_bytes": 0, "vram_used_bytes": None, "vram_free_bytes": 0}),
    ],
)
def test_a_reading_that_is_refused(library: Path, refused: str, changes: dict[str, Any]) -> None:
    (reading,) = read(library, {"STANDIN_GPUS": "2", "STANDIN_REFUSES": f"{refused},"})
    assert (reading.gpus, reading.reason) == (pair(**changes), "")


def test_everything_is_refused(library: Path) -> None:
    refused = "name,uuid,bus,memory,utilization,temperature,power,processes,generation,width,nvlink,"
    (reading,) = read(library, {"STANDIN_GPUS": "1", "STANDIN_REFUSES": refused})
    assert (reading.gpus, reading.reason) == ([Gpu()], "")


def test_a_card_keeps_its_size_while_it_does_not_tell_what_is_free(library: Path) -> None:
    _, after = read(library, {"STANDIN_GPUS": "1"}, {"STANDIN_REFUSES": "memory,"})
    assert after.gpus == [card(0, vram_used_bytes=None, vram_free_bytes=0)]


def test_a_lost_card_hides_no_other(library: Path) -> None:
    (reading,) = read(library, {"STANDIN_GPUS": "2", "STANDIN_LOST": "0"})
    assert reading.gpus == pair()[1:]
    assert reading.reason == "GPU 0: GPU is lost"


def test_a_driver_that_fails_at_init_and_heals(library: Path) -> None:
    failed, healed, later = read(
        library, {"STANDIN_GPUS": "1", "STANDIN_INIT": DRIVER_NOT_LOADED}, {"STANDIN_INIT": "0"}, {}
    )
    assert failed == Reading([], "Driver Not Loaded", 1)
    assert (healed.gpus, healed.reason, healed.entered) == ([card(0)], "", 2)
    assert later == healed


@pytest.mark.parametrize("failure", [DRIVER_NOT_LOADED, UNKNOWN, UNINITIALISED])
def test_a_driver_that_is_reloaded_under_us(library: Path, failure: str) -> None:
    before, gone, back = read(
        library, {"STANDIN_GPUS": "1"}, {"STANDIN_DRIVER": failure}, {"STANDIN_DRIVER": "0"}
    )
    assert before.gpus == back.gpus == [card(0)]
    assert gone.gpus == []
    assert gone.reason
    assert (before.entered, back.entered) == (1, 2)


def test_no_library(tmp_path: Path) -> None:
    (tmp_path / "libnvidia-ml.so.1").write_bytes(b"no library")  # found by name before any other
    (reading,) = read(tmp_path, {})
    assert reading.gpus == []
    assert "Not Found" in reading.reason
