"""The GPUs of this machine, whoever made them."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path

from agent.sensors.amd import DRM, amd_gpus
from agent.sensors.kfd import KFD, vram_of
from agent.sensors.latest import Latest
from agent.sensors.nvidia import Nvidia
from shared.wire import Gpu

log = logging.getLogger("herd-node")


class GpuSensor:
    """NVIDIA's cards, then AMD's; each maker's in the order of its driver. AMD's are looked for in `drm`, `kfd`."""

    def __init__(self, drm: Path = DRM, clock: Callable[[], float] = time.monotonic, kfd: Path = KFD) -> None:
        self._drm = drm
        self._kfd = kfd
        self._nvidia = Nvidia(clock)
        self._latest: Latest[list[Gpu]] = Latest("gpus", self.read, [])
        self._seen = False
        self._was_read = False
        self.reason = ""
        """Why NVIDIA's are not there, or not all."""

    async def gpus(self) -> list[Gpu]:
        """Of this moment, or the last ones where a driver is slow."""
        return await self._latest.value()

    async def vram_bytes(self) -> int | None:
        """Of all cards together; None where GPUs work in the host's memory, may be others than are read
        here, or have not been read yet.
        """
        gpus = await self.gpus()
        if not self._was_read or sys.platform != "linux" or any(not each.vram_total_bytes for each in gpus):
            return None
        return sum(each.vram_total_bytes for each in gpus)

    async def taken_by(self, processes: Collection[int]) -> dict[str, int] | None:
        """VRAM of these together, now, in bytes by the card's identifier; None: no driver knows of any of them."""
        gpus = await self.gpus()
        found = {
            card: sum(known.values())
            for card, told in self._nvidia.by_process.items()
            if (known := {pid: size for pid, size in told.items() if pid in processes})
        }
        amds = await asyncio.to_thread(vram_of, processes, self._kfd)
        if amds is not None:
            found |= {gpu.uuid: amds[gpu.bus] for gpu in gpus if gpu.bus in amds}
        return found or None

    def read(self) -> list[Gpu]:
        """Asks the drivers. Empty where there is none. May block."""
        gpus, reason = self._nvidia.read()
        self._tell(bool(gpus), reason)
        found = gpus + amd_gpus(self._drm, self._kfd)
        self._was_read = True
        return found

    def _tell(self, seen: bool, reason: str) -> None:
        """A reason is worth a line where there were cards before; most machines never have one."""
        if reason != self.reason and reason:
            log.log(logging.WARNING if self._seen or seen else logging.DEBUG, "NVIDIA GPUs: %s", reason)
        self._seen = self._seen or seen
        self.reason = reason
