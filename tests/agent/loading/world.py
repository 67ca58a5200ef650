"""A node's readings as values that a test sets: cards, the host's memory, what processes take."""

from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from agent.loading.claims import Use
from agent.loading.engine_load import EngineLoad
from agent.loading.loads import Loads, Node
from agent.loading.measuring import resident_bytes
from agent.loading.spec import LoadSpec
from agent.models.corrections_file import KeptCorrections
from agent.supervision.memory_groups import MemoryGroups
from shared.wire import Capacity, Engine, Gpu
from tests.agent.models.test_placement import GIB

Measured = Callable[[Collection[int]], Awaitable[Use]]


class World:
    """`free`: GiB of each card of 24."""

    def __init__(
        self, directory: Path, *free: float, host: float = 64.0, measured: Measured | None = None
    ) -> None:
        """`measured`: of real processes, instead of `uses`; what they have is not free."""
        self.real = measured is not None
        self.directory = directory
        self.free = list(free)
        self.host = host
        self.uses: dict[int, Use] = {}
        """By process; who is missing takes nothing that a driver would tell of."""
        self.capacity: Capacity | None = None
        self.reports: list[Engine] = []
        self.unloaded: list[tuple[str, str]] = []
        self.frees: float = 0.0
        """GiB of the first card that come free at the next unload."""
        self.problem = ""
        node = Node(
            self.gpus,
            self.host_free,
            lambda: 64 * GIB,
            measured or self.used,
            lambda: self.reports,
            self.unload,
            lambda: self.capacity,
        )
        self.loads = Loads(node)
        self.corrections = KeptCorrections(directory / "model-memory.json")

    def engine(self, name: str, spec: LoadSpec) -> EngineLoad:
        """One engine's part."""
        return EngineLoad(name, spec, self.loads, self.corrections, MemoryGroups())

    async def gpus(self) -> list[Gpu]:
        """As a driver would tell them."""
        return [
            Gpu(
                index=index,
                uuid=f"GPU-{index}",
                name="NVIDIA",
                vram_total_bytes=24 * GIB,
                vram_free_bytes=int(free * GIB),
            )
            for index, free in enumerate(self.free)
        ]

    def host_free(self) -> int:
        """Bytes."""
        pids = [known.pid for known in self.loads.granted.values() if known.pid and self.real]
        return int(self.host * GIB) - resident_bytes(pids)

    async def used(self, processes: Collection[int]) -> Use:
        """Of the first that is known."""
        return next((self.uses[pid] for pid in processes if pid in self.uses), Use())

    async def unload(self, engine: str, model: str) -> str:
        """Its memory comes free."""
        self.unloaded.append((engine, model))
        self.free[0] += self.frees
        return self.problem
