"""Readings of the machine that runs the tests, and when memory counts as tight."""

import platform
from pathlib import Path

import msgspec
import pytest

from agent.sensors.host import HostSensor, pressure
from shared.wire import Cpu, Disk, Hardware, Memory

MIB = 2**20


def test_a_real_reading_is_plausible(tmp_path: Path) -> None:
    sensor = HostSensor(tmp_path)
    memory, disk, cpu = sensor.memory(), sensor.disk(), sensor.cpu()
    assert 64 * MIB < memory.available_bytes <= memory.total_bytes < 2**50
    assert memory.pressure in {"normal", "warn", "critical"}
    assert 0 < disk.available_bytes <= disk.total_bytes
    assert 0.0 <= cpu.utilization_pct <= 100.0
    assert 1 <= cpu.cores_physical <= 4096
    assert sensor.hardware().arch == platform.machine()
    assert sensor.hardware().chip


def test_a_reading_passes_the_wires_own_limits(tmp_path: Path) -> None:
    sensor = HostSensor(tmp_path)
    kinds: list[type[msgspec.Struct]] = [Memory, Disk, Cpu, Hardware]
    readings = [sensor.memory(), sensor.disk(), sensor.cpu(), sensor.hardware()]
    for kind, reading in zip(kinds, readings, strict=True):
        assert msgspec.json.decode(msgspec.json.encode(reading), type=kind) == reading


@pytest.mark.parametrize(
    ("used_pct", "expected"),
    [
        (0.0, "normal"),
        (84.9, "normal"),
        (85.0, "warn"),
        (94.9, "warn"),
        (95.0, "critical"),
        (100.0, "critical"),
    ],
)
def test_pressure(used_pct: float, expected: str) -> None:
    assert pressure(used_pct) == expected
