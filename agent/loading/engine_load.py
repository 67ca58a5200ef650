"""One engine's part in the node's account of loads: what its supervisor asks before, during and after a process."""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from agent.loading.claims import Claim, Use, came_back
from agent.loading.decision import Model, NoRoom, total_bytes
from agent.loading.loads import Granted, Loads, leaves, taken_by_models
from agent.loading.model_files import ModelReader
from agent.loading.spec import LoadSpec, of_gpu
from agent.loading.visible import bounded_by_owner
from agent.models.corrections_file import KeptCorrections
from agent.models.placement import Placement, size_text
from agent.models.refusal import ModelRefused
from agent.supervision.admission import NotAdmitted
from agent.supervision.kinds import Kind
from agent.supervision.launch import Launch, Rung
from agent.supervision.memory_groups import MemoryGroups

OWNER_LOOK_S = 1.0
"""Between looks whether the owner leaves enough."""
SLACK_BYTES = 256 * 2**20
"""What others may take of a card meanwhile, before its memory counts as not returned."""
LEAST_LEARNED_BYTES = 512 * 2**20
"""Below, what a process takes beside its model would be taken for the model's."""

log = logging.getLogger("herd-node.loading")


class EngineLoad:
    """`engine`: its name on this node. `corrections` and `groups`: the node's."""

    def __init__(
        self,
        engine: str,
        spec: LoadSpec,
        loads: Loads,
        corrections: KeptCorrections,
        groups: MemoryGroups,
        least_learned_bytes: int = LEAST_LEARNED_BYTES,
    ) -> None:
        self._engine = engine
        self._seat = loads.seat(engine)
        self._spec = spec
        self._loads = loads
        self._corrections = corrections
        self._groups = groups
        self._least_learned_bytes = least_learned_bytes
        self._reader = ModelReader(spec.path)

    async def admitted(self, launch: Launch, rung: Rung, waiting: Callable[[str], None]) -> Launch:
        """As the protocol says. One whose file tells nothing that can be judged goes where it wants."""
        return await self._bounded(await self._judged(launch, rung, waiting))

    async def _bounded(self, launch: Launch) -> Launch:
        """A machine's owner needs some of its memory, whatever an engine makes of its model."""
        most = launch.memory_cap_bytes or int(self._loads.node.host_total() * self._loads.cap)
        group = await asyncio.to_thread(self._groups.made, self._seat, most)
        return msgspec.structs.replace(launch, group=str(group)) if group else launch

    async def _judged(self, launch: Launch, rung: Rung, waiting: Callable[[str], None]) -> Launch:
        try:
            model = await asyncio.to_thread(self._known)
        except ModelRefused as refused:
            raise NotAdmitted(Kind.MODEL, str(refused)) from refused
        if model is None or self._spec.placed_by_owner:
            return launch
        if self._spec.sees_gpus is not None and await self._loads.node.gpus():
            usable = self._spec.on_gpus and await self._spec.sees_gpus()
            self._spec = msgspec.structs.replace(self._spec, on_gpus=usable, sees_gpus=None)
        self._loads.granted.pop(self._seat, None)
        await self._loads.until_nobody_loads(self._seat, self._spec.path)
        await self._until_owner_leaves(model, rung, waiting)
        found = await self._loads.admit(self._seat, self._engine, self._spec, model, rung)
        if isinstance(found, NoRoom):
            raise NotAdmitted(Kind.MEMORY, f"{Path(self._spec.path).name}: {found.reason}", found.rung)
        log.info("%s: %s", self._engine, _told(found.placement))
        return await self._placed(launch, found.placement)

    def started(self, pid: int) -> None:
        """Also of an adopted one, which has what it has."""
        known = self._loads.granted.setdefault(self._seat, Granted(self._spec.path, Claim()))
        known.pid = pid

    async def loaded(self) -> None:
        """Measures what it took, and learns by it."""
        known = self._loads.granted.get(self._seat)
        if known is None or known.pid is None:
            return
        use = await self._loads.node.used([known.pid])
        known.loaded, known.processes = True, use.processes
        await self._loads.told()
        claimed = sum(known.claim.gpu_bytes.values()) or known.claim.host_bytes
        estimated = int(claimed / known.claim.factor)
        measured = _measured(use, estimated, gpu=bool(known.claim.gpu_bytes))
        if self._spec.allocates_at_load and measured and estimated >= self._least_learned_bytes:
            key = self._key(gpu=bool(known.claim.gpu_bytes))
            await asyncio.to_thread(self._corrections.measured, key, estimated, measured, time.time())

    async def ended(self) -> None:
        """Its memory is on its way back."""
        await asyncio.to_thread(self._groups.removed, self._seat)
        if known := self._loads.granted.get(self._seat):
            known.ended_at = time.monotonic()
        await self._loads.told()

    async def returned(self) -> bool:
        """By the driver's list of processes; by what is free, where that never told of them."""
        known = self._loads.granted.get(self._seat)
        if known is None:
            return True
        if known.processes:
            back = not (await self._loads.node.used(known.processes)).gpu_bytes
        else:
            free = {gpu.uuid: gpu.vram_free_bytes for gpu in await self._loads.node.gpus()}
            back = came_back(known.free_before, free, self._loads.after(known.number), SLACK_BYTES)
        if back:
            self._loads.granted.pop(self._seat, None)
        return back

    def poisoned(self) -> None:
        """The cards that it is on."""
        self._loads.suspect(self._seat)

    def _known(self) -> Model | None:
        """Blocks for the disk. Raises ModelRefused."""
        found = self._reader.read()
        if found is None:
            return None
        now = time.time()
        gpu, host = (self._corrections.factor(self._key(gpu=each), now) for each in (True, False))
        return Model(found.shape, found.weights, gpu, host)

    def _key(self, *, gpu: bool) -> str:
        """What is learned is of this file in this kind of engine, on GPUs or in the host's memory."""
        path = Path(self._spec.path)
        return f"{self._spec.kind}, {path.parent.name}/{path.name}, {'GPU' if gpu else 'host'}"

    async def _until_owner_leaves(self, model: Model, rung: Rung, waiting: Callable[[str], None]) -> None:
        said = ""
        while True:
            most = leaves(self._loads.node.capacity())
            gpu = of_gpu(rung, self._spec) and bool(await self._loads.node.gpus())
            needed = total_bytes(self._spec, model, rung, gpu=gpu)
            taken = taken_by_models(self._loads.node.reports(), self._engine)
            if most is None or taken + needed <= most:
                return
            told = f"the owner leaves {size_text(most)} to models: {size_text(needed)} needed, {size_text(taken)} taken"
            if told != said:
                waiting(told)
            said = told
            await asyncio.sleep(OWNER_LOOK_S)

    async def _placed(self, launch: Launch, placement: Placement) -> Launch:
        """Where there are no GPUs to be seen nothing is said of them: there may be some that are not read here."""
        if not self._spec.on_gpus or not await self._loads.node.gpus():
            return launch
        own = bounded_by_owner(self._spec.environment) and not placement.cards
        return msgspec.structs.replace(
            launch,
            placed=self._spec.arguments(placement, self._loads.cap),
            environment=launch.environment | ({} if own else placement.environment()),
        )


def _measured(use: Use, estimated: int, *, gpu: bool) -> int:
    """Bytes; 0: nothing is told. In the host's memory pages count once they are touched, and the buffers of a batch are
    touched by the first call: what is resident after a load is the least that it takes.
    """
    if gpu:
        return sum((use.gpu_bytes or {}).values())
    return max(estimated, use.host_bytes)


def _told(placement: Placement) -> str:
    where = ", ".join(
        f"{size_text(size)} on GPU {card.index}"
        for card, size in zip(placement.cards, placement.gpu_bytes, strict=True)
    )
    host = f"{size_text(placement.host_bytes)} in the host's memory"
    return f"{where}, {host}" if where else host
