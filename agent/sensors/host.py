"""Readings of the host, as values."""

from pathlib import Path
from typing import NamedTuple

import psutil

from agent.sensors.bounds import count
from agent.sensors.climate import power, thermal
from agent.sensors.hardware import hardware
from agent.sensors.latest import Latest
from agent.sensors.memory import memory
from agent.sensors.memory_speed import MemorySpeed
from shared.wire import Cpu, Disk, Hardware, Memory, Power, Thermal


class Surroundings(NamedTuple):
    """Readings for which the kernel may have to ask a device, or a file server."""

    disk: Disk = Disk()
    thermal: Thermal = Thermal()
    power: Power = Power()


class HostSensor:
    """Reads this machine; `directory` chooses the disk, and keeps what was measured where `measure_memory`."""

    def __init__(self, directory: Path, *, measure_memory: bool = False) -> None:
        self._directory = directory
        self._speed = MemorySpeed(directory) if measure_memory else None
        self._cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 0
        self._latest = Latest("disk and temperature", self.look_around, Surroundings())
        psutil.cpu_percent(None)  # the next reading covers the time from here on

    def hardware(self) -> Hardware:
        """What does not change."""
        return hardware()

    def measured_gbps(self, chip: str) -> float:
        """Of this machine's memory; 0.0 until it is known, and where it may not be measured. Never waits."""
        return self._speed.gbps(chip) if self._speed else 0.0

    def cpu(self) -> Cpu:
        """Utilisation since the last reading by the same thread: psutil counts for each."""
        return Cpu(cores_physical=self._cores, utilization_pct=min(100.0, psutil.cpu_percent(None)))

    def memory(self) -> Memory:
        """Bytes, and how tight it is."""
        return memory()

    async def surroundings(self) -> Surroundings:
        """Of this moment, or the last ones where a device is slow."""
        return await self._latest.value()

    def look_around(self) -> Surroundings:
        """May block."""
        return Surroundings(self.disk(), thermal(), power())

    def disk(self) -> Disk:
        """The disk that holds the data directory; zeros where it cannot be read. May block."""
        try:
            usage = psutil.disk_usage(str(self._directory))
        except OSError:
            return Disk()
        return Disk(total_bytes=count(usage.total) or 0, available_bytes=count(usage.free) or 0)
