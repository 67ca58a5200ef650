"""AMD GPUs from the kernel's files under /sys/class/drm. What a file does not tell is None."""

import re
from pathlib import Path

from agent.sensors.bounds import celsius, count, percent, text, watts
from agent.sensors.kfd import KFD, places
from agent.sensors.links import bus_address, generation_of, pcie
from shared.wire import Gpu

DRM = Path("/sys/class/drm")
VENDOR = "0x1002"
OWN_GRAPHICS_BYTES = 4 * 2**30
"""Up to here it is a processor's own graphics: not the carve-out but the host's memory says what fits."""
CARD = re.compile(r"card(\d+)\Z")


def amd_gpus(root: Path = DRM, kfd: Path = KFD) -> list[Gpu]:
    """Cards as HIP counts them, else in order of their number; empty where there are none. May block."""
    try:
        numbered = sorted(
            (int(found[1]), path) for path in root.iterdir() if (found := CARD.match(path.name))
        )
    except OSError:
        return []
    devices = [path / "device" for _, path in numbered]
    ours = [device for device in devices if _line(device / "vendor") == VENDOR]
    counted = list(places(kfd).values())
    ours.sort(key=lambda device: counted.index(bus) if (bus := _bus(device)) in counted else len(counted))
    return [_gpu(index, device) for index, device in enumerate(ours)]


def _gpu(index: int, device: Path) -> Gpu:
    total, used = _bytes(device / "mem_info_vram_total"), _bytes(device / "mem_info_vram_used")
    busy = _number(device / "gpu_busy_percent")
    bus = _bus(device)
    card = total if total is not None and total > OWN_GRAPHICS_BYTES else 0
    return Gpu(
        index=index,
        uuid=text(_line(device / "unique_id")) or bus,
        bus=bus,
        name=text(_line(device / "product_name")) or text(f"AMD GPU {_line(device / 'device')}"),
        vram_total_bytes=card,
        vram_used_bytes=used,
        vram_free_bytes=max(0, card - used) if used is not None else 0,
        utilization_pct=None if busy is None else percent(busy),
        temperature_c=celsius(_monitored(device, 1e3, "temp1_input")),
        power_watts=_power(device),
        pcie=pcie(
            generation_of(_line(device / "current_link_speed")), _number(device / "current_link_width")
        ),
    )


def _power(device: Path) -> float | None:
    microwatts = _monitored(device, 1e6, "power1_average", "power1_input")
    return None if microwatts is None else watts(microwatts)


def _bus(device: Path) -> str:
    slot = re.search(r"^PCI_SLOT_NAME=(\S+)$", _text(device / "uevent"), re.MULTILINE)
    return bus_address(slot[1]) if slot else ""


def _monitored(device: Path, unit: float, *names: str) -> float | None:
    """The first of these files that any hardware monitor of the card has."""
    for name in names:
        for path in sorted(device.glob(f"hwmon/hwmon*/{name}")):
            if (value := _number(path)) is not None:
                return value / unit
    return None


def _bytes(path: Path) -> int | None:
    value = _number(path)
    return None if value is None else count(value)


def _number(path: Path) -> int | None:
    try:
        return int(_text(path))
    except ValueError:
        return None


def _line(path: Path) -> str:
    return _text(path).strip()


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
