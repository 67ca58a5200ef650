"""The node's account of loads, put together from its sensors and engines; a part of app.py."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from agent.capacity.processes import Processes
from agent.capacity.sampling import Machine
from agent.engines.engine import Engine, EngineError
from agent.engines.ollama import Ollama
from agent.loading.engine_load import EngineLoad
from agent.loading.loads import Loads, Node
from agent.loading.measuring import Measuring
from agent.loading.spec import LoadSpec
from agent.models.corrections_file import FILE, KeptCorrections
from agent.report import Reporter
from agent.sensors.cgroup import memory_left
from agent.sensors.gpu import GpuSensor
from agent.sensors.host import HostSensor
from agent.sensors.memory import memory
from agent.supervision.admission import Admission
from agent.supervision.memory_groups import MemoryGroups
from agent.swapping.roster import Roster
from shared.wire import Capacity, Heartbeat
from shared.wire import Engine as Report


class Account:
    """One agent's. `directory`: the node's own; `engines`: those of now; `capacity`: what the owner leaves."""

    def __init__(
        self,
        directory: Path,
        gpu: GpuSensor,
        engines: Callable[[], Mapping[str, Engine]],
        capacity: Callable[[], Capacity | None],
        cap: float,
    ) -> None:
        """`cap`: a share of each GPU's memory, and of the host's free memory. Blocks for the disk."""
        self._engines = engines
        self._reports: Sequence[Report] = ()
        self._groups = MemoryGroups()
        self._groups.prepare()
        self._corrections = KeptCorrections(directory / FILE)
        used = Measuring(gpu.taken_by).used
        total = memory().total_bytes
        node = Node(gpu.gpus, host_free, lambda: total, used, self.reports, self._unload, capacity)
        self._loads = Loads(node, cap)

    def admission(self, engine: str, spec: LoadSpec) -> Admission:
        """For one of its engines."""
        return EngineLoad(engine, spec, self._loads, self._corrections, self._groups)

    def reports(self) -> Sequence[Report]:
        """What the engines told last."""
        return self._reports

    def observe(self, reports: Sequence[Report]) -> None:
        """With each beat: what they told."""
        self._reports = reports
        self._loads.uses.observe(reports, time.time())

    def observing(self, beat: Callable[[], Awaitable[Heartbeat]]) -> Callable[[], Awaitable[Heartbeat]]:
        """The same, observed."""

        async def observed() -> Heartbeat:
            told = await beat()
            self.observe(told.engines)
            return told

        return observed

    async def _unload(self, engine: str, model: str) -> str:
        if engine not in self._engines():
            return "it is gone"
        try:
            await self._engines()[engine].unload(model)
        except EngineError as error:
            return str(error)
        return ""


def host_free() -> int:
    """Bytes that processes may still take: of the host, and of the control groups that this one is in."""
    host = memory().available_bytes
    left = memory_left(with_files=True)
    return host if left is None else min(host, left)


def machine(host: HostSensor, gpu: GpuSensor, reporter: Reporter, engines: Roster) -> Machine:
    """As the capacity learner reads it. An Ollama may also work for the machine's owner."""
    ollama = engines.get(Ollama.name)
    port = urlsplit(ollama.url).port if ollama and ollama.url else None
    processes = Processes(port, lambda: engines.pids)
    return Machine(
        processes=processes.look,
        gpus=gpu.gpus,
        memory=host.memory,
        engines=reporter.engines,
        unified_memory=host.hardware().unified_memory,
        found=frozenset({Ollama.name}),
    )
