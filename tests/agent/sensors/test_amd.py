"""AMD's cards from files like the kernel's."""

from pathlib import Path

from agent.sensors.amd import amd_gpus
from shared.wire import Gpu, Pcie
from tests.fakes.builders import GIB


def a_card(root: Path, name: str, **files: object) -> Path:
    """A card with `files`, a `/` in their names written as `__`."""
    device = root / name / "device"
    device.mkdir(parents=True)
    for path, value in {"vendor": "0x1002", "device": "0x744c", **files}.items():
        file = device / path.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")
    return device


def test_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    assert amd_gpus(tmp_path / "absent") == amd_gpus(tmp_path) == []


def test_a_card_that_tells_all(tmp_path: Path) -> None:
    a_card(
        tmp_path,
        "card1",
        product_name="AMD Instinct MI300X",
        unique_id="8a1b2c",
        uevent="DRIVER=amdgpu\nPCI_SLOT_NAME=0000:03:00.0",
        mem_info_vram_total=192 * GIB,
        mem_info_vram_used=2 * GIB,
        gpu_busy_percent=37,
        hwmon__hwmon4__temp1_input=61500,
        hwmon__hwmon4__power1_average=312_250_000,
        current_link_speed="32.0 GT/s PCIe",
        current_link_width=16,
    )
    assert amd_gpus(tmp_path) == [
        Gpu(
            uuid="8a1b2c",
            bus="0000:03:00.0",
            name="AMD Instinct MI300X",
            vram_total_bytes=192 * GIB,
            vram_used_bytes=2 * GIB,
            vram_free_bytes=190 * GIB,
            utilization_pct=37.0,
            temperature_c=61.5,
            power_watts=312.25,
            pcie=Pcie(generation=5, width=16),
        )
    ]


def test_what_a_file_does_not_tell_is_none(tmp_path: Path) -> None:
    a_card(
        tmp_path,
        "card0",
        uevent="PCI_SLOT_NAME=0000:03:00.0",
        mem_info_vram_total=24 * GIB,
        gpu_busy_percent="unreadable",
        hwmon__hwmon1__temp1_input=-400_000,
        hwmon__hwmon1__power1_input=25_000_000,
    )
    (gpu,) = amd_gpus(tmp_path)
    place = "0000:03:00.0"
    assert gpu == Gpu(
        uuid=place, bus=place, name="AMD GPU 0x744c", vram_total_bytes=24 * GIB, power_watts=25.0
    )


def test_only_amds_cards_in_order_of_their_number(tmp_path: Path) -> None:
    for number in (10, 9, 2):
        a_card(tmp_path, f"card{number}", unique_id=number)
    a_card(tmp_path, "card0", vendor="0x10de", unique_id="somebody else's")
    a_card(tmp_path, "card2-DP-1", unique_id="an output")
    assert [(gpu.index, gpu.uuid) for gpu in amd_gpus(tmp_path)] == [(0, "2"), (1, "9"), (2, "10")]


def test_a_processors_own_graphics_have_no_vram(tmp_path: Path) -> None:
    a_card(tmp_path, "card0", mem_info_vram_total=GIB // 2, mem_info_vram_used=GIB // 4)
    (gpu,) = amd_gpus(tmp_path)
    assert (gpu.vram_total_bytes, gpu.vram_free_bytes, gpu.vram_used_bytes) == (0, 0, GIB // 4)
