"""AMD's driver for computing (KFD) under /sys/class/kfd: how HIP counts the cards, and what processes take of them.

Source: the kernel's amdkfd: topology/nodes/N/{gpu_id, properties} in the order in which ROCm counts them (a node whose
gpu_id is 0 is a processor), proc/PID/vram_GPUID in bytes.
"""

import re
from collections.abc import Collection
from pathlib import Path

from agent.sensors.bounds import count

KFD = Path("/sys/class/kfd/kfd")
PLACE = re.compile(r"^(location_id|domain) (\d+)$", re.MULTILINE)


def places(root: Path = KFD) -> dict[int, str]:
    """Addresses on the bus by KFD's number of the card, in HIP's order; empty where there is no KFD. May block."""
    try:
        nodes = sorted((int(path.name), path) for path in (root / "topology/nodes").iterdir())
    except (OSError, ValueError):
        return {}
    numbered = ((_number(path / "gpu_id"), path) for _, path in nodes)
    return {number: _bus(path) for number, path in numbered if number}


def vram_of(processes: Collection[int], root: Path = KFD) -> dict[str, int] | None:
    """Bytes that these take together, by the card's place on the bus; None: none of them is known to KFD. May block."""
    cards = places(root)
    known = [path for pid in processes if (path := root / "proc" / str(pid)).is_dir()]
    if not known:
        return None
    return {
        bus: sum(count(_number(path / f"vram_{number}") or 0) or 0 for path in known)
        for number, bus in cards.items()
    }


def _bus(node: Path) -> str:
    told = {name: int(value) for name, value in PLACE.findall(_text(node / "properties"))}
    at = told.get("location_id", 0)
    return f"{told.get('domain', 0):04x}:{at >> 8 & 0xFF:02x}:{at >> 3 & 0x1F:02x}.{at & 7:x}"


def _number(path: Path) -> int | None:
    try:
        return int(_text(path))
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
