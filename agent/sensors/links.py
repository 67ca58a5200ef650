"""How a card is connected: to the host by PCIe, to other cards by NVLink. What cannot be meant is None or empty."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from shared.wire import GpuLink, Pcie

MOST = 1024
"""Lanes or links that the wire allows."""
ADDRESS = re.compile(r"([0-9a-f]{4,8}):([0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f])\Z")
GENERATION_OF = {2.5: 1, 5.0: 2, 8.0: 3, 16.0: 4, 32.0: 5, 64.0: 6}
"""By giga-transfers per second."""


def bus_address(told: str | bytes | None) -> str:
    """A place on the PCI bus as Linux writes it, `0000:03:00.0`; empty for anything else."""
    shown = told.decode("ascii", "replace") if isinstance(told, bytes) else told or ""
    found = ADDRESS.match(shown.strip().lower())
    return f"{int(found[1], 16):04x}:{found[2]}" if found else ""


def pcie(generation: int | None, width: int | None) -> Pcie | None:
    """None where either is not told, or absurd."""
    if generation is None or width is None or not (1 <= generation <= MOST and 1 <= width <= MOST):
        return None
    return Pcie(generation=generation, width=width)


def generation_of(speed: str) -> int | None:
    """From the kernel's words, `16.0 GT/s PCIe`."""
    found = re.match(r"([0-9.]+) GT/s", speed)
    try:
        return GENERATION_OF.get(float(found[1])) if found else None
    except ValueError:
        return None


def grouped(peers: Iterable[str]) -> list[GpuLink]:
    """One entry for each peer, from the peer of each active NVLink."""
    return [
        GpuLink(kind="nvlink", peer=peer, count=min(count, MOST))
        for peer, count in sorted(Counter(peers).items())
    ]


def nvlinks(nvml: ModuleType, ask: Callable[..., Any]) -> list[GpuLink] | None:
    """A card's active links; None where it has none to ask about. `ask` gives None for what the driver refuses."""
    peers: list[str] = []
    for link in range(nvml.NVML_NVLINK_MAX_LINKS):
        state = ask(nvml.nvmlDeviceGetNvLinkState, link)
        if state is None:  # no such link: the last one was before it
            return grouped(peers) if link else None
        if state == nvml.NVML_FEATURE_ENABLED:
            remote = ask(nvml.nvmlDeviceGetNvLinkRemotePciInfo, link)
            peers.append(bus_address(remote.busId) if remote is not None else "")
    return grouped(peers)
