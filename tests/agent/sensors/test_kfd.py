"""AMD's driver for computing, from files like the kernel's."""

from pathlib import Path

from agent.sensors.amd import amd_gpus
from agent.sensors.gpu import GpuSensor
from agent.sensors.kfd import places, vram_of
from tests.agent.sensors.test_amd import a_card
from tests.fakes.builders import GIB

FIRST, SECOND = "0000:03:00.0", "0001:83:00.0"


def a_node(root: Path, number: int, gpu_id: int, domain: int = 0, location_id: int = 0) -> None:
    node = root / "topology/nodes" / str(number)
    node.mkdir(parents=True)
    (node / "gpu_id").write_text(f"{gpu_id}\n")
    (node / "properties").write_text(f"cpu_cores_count 0\nlocation_id {location_id}\ndomain {domain}\n")


def two_cards(root: Path) -> Path:
    a_node(root, 0, 0)  # the processor
    a_node(root, 2, 111, location_id=0x300)
    a_node(root, 10, 222, domain=1, location_id=0x8300)
    return root


def a_process(root: Path, pid: int, **taken: object) -> None:
    folder = root / "proc" / str(pid)
    folder.mkdir(parents=True)
    for name, value in taken.items():
        (folder / name).write_text(f"{value}\n")


def test_cards_as_hip_counts_them(tmp_path: Path) -> None:
    assert places(tmp_path) == {}
    assert places(two_cards(tmp_path)) == {111: FIRST, 222: SECOND}


def test_what_processes_take(tmp_path: Path) -> None:
    two_cards(tmp_path)
    assert vram_of([5, 6], tmp_path) is None
    a_process(tmp_path, 5, vram_111=3 * GIB, vram_222="unreadable", pasid=32_770)
    a_process(tmp_path, 6, vram_111=GIB)
    a_process(tmp_path, 7, vram_111=9 * GIB)
    assert vram_of([5, 6, 99], tmp_path) == {FIRST: 4 * GIB, SECOND: 0}


def test_a_cards_number_is_hips(tmp_path: Path) -> None:
    drm, kfd = tmp_path / "drm", two_cards(tmp_path / "kfd")
    for name, bus in (("card0", SECOND), ("card1", "0000:09:00.0"), ("card2", FIRST)):
        a_card(drm, name, uevent=f"PCI_SLOT_NAME={bus}")
    assert [(gpu.index, gpu.bus) for gpu in amd_gpus(drm, kfd)] == [
        (0, FIRST),
        (1, SECOND),
        (2, "0000:09:00.0"),
    ]


async def test_by_the_cards_identifier(tmp_path: Path) -> None:
    drm, kfd = tmp_path / "drm", two_cards(tmp_path / "kfd")
    a_card(drm, "card0", uevent=f"PCI_SLOT_NAME={FIRST}", unique_id="abc", mem_info_vram_total=16 * GIB)
    a_process(kfd, 5, vram_111=3 * GIB)
    sensor = GpuSensor(drm, kfd=kfd)
    assert await sensor.taken_by([5]) == {"abc": 3 * GIB}
    assert await sensor.taken_by([6]) is None
