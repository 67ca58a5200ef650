"""Readings of the host, as values."""

import platform
from pathlib import Path

import psutil

from shared.wire import Cpu, Disk, Hardware, Memory

CRITICAL_PCT, WARN_PCT = 95.0, 85.0
"""Memory in use from which pressure is critical, or a warning."""


class HostSensor:
    """Reads this machine; `directory` chooses the disk."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 0
        psutil.cpu_percent(None)  # the next reading covers the time from here on

    def hardware(self) -> Hardware:
        """What does not change."""
        return Hardware(
            arch=platform.machine(),
            chip=platform.processor() or platform.machine(),
            unified_memory=platform.system() == "Darwin" and platform.machine() == "arm64",
        )

    def cpu(self) -> Cpu:
        """Utilisation since the last reading."""
        return Cpu(cores_physical=self._cores, utilization_pct=min(100.0, psutil.cpu_percent(None)))

    def memory(self) -> Memory:
        """Bytes, and how tight it is."""
        memory = psutil.virtual_memory()
        return Memory(
            total_bytes=memory.total, available_bytes=memory.available, pressure=pressure(memory.percent)
        )

    def disk(self) -> Disk:
        """The disk that holds the data directory; zeros where it cannot be read."""
        try:
            usage = psutil.disk_usage(str(self._directory))
        except OSError:
            return Disk()
        return Disk(total_bytes=usage.total, available_bytes=usage.free)


def pressure(used_pct: float) -> str:
    """normal, warn or critical."""
    if used_pct >= CRITICAL_PCT:
        return "critical"
    return "warn" if used_pct >= WARN_PCT else "normal"
