"""Reads the machine every few seconds and says what its owner took since the last time."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from msgspec import Struct

from agent.capacity import owner
from agent.capacity.owner import Snapshot
from agent.sensors.latest import Latest
from shared.wire import Engine, Gpu, Memory


class Traffic(Protocol):
    """Calls of the fleet that went through the gateway, by engine, since the agent's start."""

    @property
    def begun(self) -> Counter[str]:
        """Those that are running too."""

    @property
    def ended(self) -> Counter[str]:
        """Well or not."""


class Machine(Struct, frozen=True):
    """How it is read."""

    processes: Callable[[], Snapshot]
    """May block."""
    gpus: Callable[[], Awaitable[list[Gpu]]]
    memory: Callable[[], Memory]
    engines: Callable[[], Iterable[Engine]]
    """As they were last found."""
    unified_memory: bool
    found: frozenset[str] = frozenset()
    """Names of those engines that are not the agent's own: they may work for the owner too."""


class Sample(Struct, frozen=True):
    """Since the one before."""

    use_pct: float | None
    """The owner's, of the processors or the GPUs, whichever is more; None: it cannot be told from the fleet's."""
    seconds: float
    memory_pct: float
    """The owner's, of the host's."""
    memory_bytes: int
    """All of the memory where models live."""


class Sampler:
    """The first sample has no use: there is nothing to compare with."""

    def __init__(
        self, machine: Machine, traffic: Traffic, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._machine = machine
        self._traffic = traffic
        self._clock = clock
        self._looks: Latest[Snapshot | None] = Latest("processes", machine.processes, None)
        self._before: Snapshot | None = None
        self._ended_before: Counter[str] = Counter()
        self._was_quiet = False
        self._at = clock()

    async def sample(self) -> Sample:
        """Of this moment."""
        ended = Counter(
            self._traffic.ended
        )  # before the look: what ends during it may still be in the next one
        snapshot = await self._looks.value()
        carried = {name for name, count in self._traffic.begun.items() if count > self._ended_before[name]}
        self._ended_before = ended
        gpus = await self._machine.gpus()
        memory = self._machine.memory()
        discrete = not self._machine.unified_memory and any(gpu.vram_total_bytes for gpu in gpus)
        replicas = [replica for engine in self._machine.engines() for replica in engine.replicas]
        now = self._clock()
        seconds, self._at = now - self._at, now
        return Sample(
            use_pct=self._use_pct(snapshot, gpus, carried),
            seconds=seconds,
            memory_pct=owner.memory_pct(memory, replicas, discrete=discrete),
            memory_bytes=sum(gpu.vram_total_bytes for gpu in gpus) if discrete else memory.total_bytes,
        )

    def _use_pct(self, snapshot: Snapshot | None, gpus: list[Gpu], carried: set[str]) -> float | None:
        """`carried`: engines that had a call since the last sample."""
        before, self._before = self._before, snapshot
        was_quiet, self._was_quiet = self._was_quiet, not carried
        if before is None or snapshot is None:
            return None
        use = owner.processor_pct(before, snapshot, carried=bool(carried & self._machine.found))
        if use is None:
            return None
        # Drivers tell the mean of a while: right after a call it is the fleet's.
        return max(use, owner.graphics_pct(gpus)) if was_quiet and not carried else use
