"""Names of chips, and how fast the memory is in which a model would live."""

from pathlib import Path

import pytest

from agent.sensors.bandwidth import GBPS, bandwidth_gbps
from agent.sensors.hardware import chip_name, with_gpus, with_measured
from shared.wire import Gpu, Hardware
from tests.fakes.builders import GIB


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Tesla T4", 320),
        ("NVIDIA L4", 300),
        ("NVIDIA L40S", 864),
        ("NVIDIA A10", 600),
        ("NVIDIA A100-SXM4-80GB", 2039),
        ("NVIDIA A100-SXM4-40GB", 1555),
        ("Tesla V100-SXM2-16GB", 900),
        ("NVIDIA H100 80GB HBM3", 3350),
        ("NVIDIA H100 PCIe", 2000),
        ("NVIDIA H200", 4800),
        ("NVIDIA B200", 8000),
        ("NVIDIA GeForce RTX 4090", 1008),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", 576),
        ("NVIDIA GeForce RTX 3080 Ti", 912),
        ("NVIDIA GeForce RTX 5090", 1792),
        ("AMD Radeon RX 7900 XTX", 960),
        ("AMD Instinct MI300X OAM", 5300),
        ("AMD Ryzen AI Max+ 395 w/ Radeon 8060S", 256),
        ("Apple M1", 68),
        ("Apple M2 Ultra", 800),
        ("Apple M4 Max", 546),
        ("Apple M5", 153),
        ("Apple M5 Ultra", 0),
        ("Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", 0),
        ("NVIDIA A1000", 0),
        ("", 0),
    ],
)
def test_bandwidth(name: str, expected: float) -> None:
    assert bandwidth_gbps(name) == expected


def test_every_entry_finds_itself() -> None:
    assert {entry: bandwidth_gbps(entry) for entry in GBPS} == GBPS


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (
            "processor\t: 0\nmodel name\t: AMD EPYC 9654 96-Core Processor\n\nmodel name : x\n",
            "AMD EPYC 9654 96-Core Processor",
        ),
        ("processor\t: 0\nBogoMIPS\t: 108\n\nModel\t\t: Raspberry Pi 5 Model B\n", "Raspberry Pi 5 Model B"),
    ],
)
def test_the_chip_as_linux_names_it(tmp_path: Path, cpuinfo: str, expected: str) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert chip_name(tmp_path / "cpuinfo") == expected


def test_some_name_where_none_is_told(tmp_path: Path) -> None:
    assert chip_name(tmp_path / "absent")


HOST = Hardware(chip="Apple M9", memory_bandwidth_gbps=100.0, memory_bandwidth_source="table")
LARGE = Gpu(name="NVIDIA GeForce RTX 4090", vram_total_bytes=24 * GIB)
SMALL = Gpu(name="Tesla T4", vram_total_bytes=16 * GIB)


@pytest.mark.parametrize(
    ("gpus", "speed", "unified"),
    [
        ([], 100, False),
        ([SMALL, LARGE], 1008, False),
        ([Gpu(name="nobody's", vram_total_bytes=GIB)], 0, False),
        ([Gpu(name="NVIDIA GB10")], 273, True),
        ([Gpu(name="AMD GPU 0x1586")], 100, True),
        ([Gpu(name="AMD GPU 0x164e"), SMALL], 320, False),
    ],
)
def test_the_memory_in_which_a_model_would_live(gpus: list[Gpu], speed: float, unified: bool) -> None:
    told = with_gpus(HOST, gpus)
    assert (told.memory_bandwidth_gbps, told.unified_memory) == (speed, unified)
    assert told.chip == HOST.chip
    assert told.memory_bandwidth_source == ("table" if speed else "")


UNKNOWN = Hardware(chip="nobody's")
STRANGE = Gpu(name="nobody's", vram_total_bytes=GIB)


@pytest.mark.parametrize(
    ("host", "gpus", "speed", "source"),
    [
        (UNKNOWN, [], 31.5, "measured"),
        (UNKNOWN, [Gpu(name="AMD GPU 0x1586")], 31.5, "measured"),  # works in the host's memory
        (UNKNOWN, [STRANGE], 0, ""),  # its own memory is another matter
        (UNKNOWN, [LARGE], 1008, "table"),
        (HOST, [], 100, "table"),
    ],
)
def test_what_was_measured_is_told_for_host_memory_that_no_table_knows(
    host: Hardware, gpus: list[Gpu], speed: float, source: str
) -> None:
    told = with_measured(with_gpus(host, gpus), gpus, lambda: 31.5)
    assert (told.memory_bandwidth_gbps, told.memory_bandwidth_source) == (speed, source)


def test_nothing_is_told_before_it_is_measured() -> None:
    assert with_measured(UNKNOWN, [], lambda: 0.0) == UNKNOWN
