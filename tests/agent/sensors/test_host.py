"""Readings of the machine that runs the tests, and what they cost."""

import platform
import statistics
import time
from pathlib import Path

import msgspec

from agent.sensors.gpu import GpuSensor
from agent.sensors.host import HostSensor
from shared.wire import Cpu, Disk, Hardware, Memory

MIB = 2**20
BEAT_S = 0.005
"""CPU time that the readings of one beat may take where there is no GPU."""


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


async def test_surroundings_hold_the_disk(tmp_path: Path) -> None:
    sensor = HostSensor(tmp_path)
    around = await sensor.surroundings()
    assert around.disk.total_bytes == sensor.disk().total_bytes


async def test_the_readings_of_a_beat_cost_little(tmp_path: Path) -> None:
    host, gpu = HostSensor(tmp_path), GpuSensor()
    costs = []
    for _ in range(20):
        before = time.process_time()
        host.cpu(), host.memory()
        await host.surroundings()
        gpus = await gpu.gpus()
        costs.append(time.process_time() - before)
    median = statistics.median(costs)
    print(f"readings of one beat: {median * 1000:.2f} ms of CPU, {len(gpus)} GPUs")  # noqa: T201 - the figure is the point
    assert gpus or median < BEAT_S
