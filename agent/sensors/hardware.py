"""What the machine is: its chip, and with its GPUs how fast the memory is in which a model would live."""

import platform
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from agent.sensors.bandwidth import bandwidth_gbps
from agent.sensors.bounds import text
from shared.wire import Gpu, Hardware

CPUINFO = Path("/proc/cpuinfo")
MODEL = re.compile(r"^(?:model name|Model)\s*:\s*(.+)$", re.MULTILINE)
ASK_S = 5.0


def hardware(cpuinfo: Path = CPUINFO) -> Hardware:
    """Without GPUs. Apple's chips share their memory with the GPU."""
    chip = chip_name(cpuinfo)
    speed = bandwidth_gbps(chip)
    return Hardware(
        arch=platform.machine(),
        chip=chip,
        memory_bandwidth_gbps=speed,
        memory_bandwidth_source="table" if speed else "",
        unified_memory=platform.system() == "Darwin" and platform.machine() == "arm64",
    )


def with_gpus(host: Hardware, gpus: Sequence[Gpu]) -> Hardware:
    """A GPU without VRAM of its own works in the host's memory; else the card with the most VRAM tells the speed."""
    if not gpus:
        return host
    largest = max(gpus, key=lambda gpu: gpu.vram_total_bytes)
    unified = host.unified_memory or not largest.vram_total_bytes
    speed = bandwidth_gbps(largest.name) or (host.memory_bandwidth_gbps if unified else 0.0)
    return msgspec.structs.replace(
        host,
        memory_bandwidth_gbps=speed,
        memory_bandwidth_source="table" if speed else "",
        unified_memory=unified,
    )


def with_measured(told: Hardware, gpus: Sequence[Gpu], host_gbps: Callable[[], float]) -> Hardware:
    """Where no table knows it: the host's memory as measured, but never for the VRAM of a card. `told`: with GPUs."""
    if told.memory_bandwidth_gbps or (gpus and not told.unified_memory):
        return told
    speed = host_gbps()
    source = "measured" if speed else ""
    return msgspec.structs.replace(told, memory_bandwidth_gbps=speed, memory_bandwidth_source=source)


def chip_name(cpuinfo: Path = CPUINFO) -> str:
    """As its maker calls it, else what the platform knows."""
    named = _brand() if platform.system() == "Darwin" else _model(cpuinfo)
    return text(named or platform.processor() or platform.machine())


def _model(cpuinfo: Path) -> str:
    try:
        found = MODEL.search(cpuinfo.read_text(errors="replace"))
    except OSError:
        return ""
    return found[1] if found else ""


def _brand() -> str:
    """macOS only; asked once, before the agent serves."""
    command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
