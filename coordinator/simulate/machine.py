"""One simulated node: an engine, the processor under it, and the agent that beats."""

from enum import Enum
from typing import NamedTuple

from coordinator.simulate.beats import beat, face
from coordinator.simulate.device import Device, Task
from coordinator.simulate.engine import Engine, Request
from coordinator.simulate.fleets import FleetSpec, MachineSpec, memory_bytes, on_disk
from coordinator.simulate.heat import Heat
from coordinator.simulate.truth import Truth
from shared.wire import Heartbeat

OWNER_LEAVES = 0.5
"""Of its speed, while the owner is there."""


class Told(Enum):
    """What a machine tells of a call."""

    FIRST_BYTE = "first byte"
    FINISHED = "finished"


class Event(NamedTuple):
    """Of one call."""

    told: Told
    call_id: str


class Machine:
    """`advance` to now before anything else; then `next_at` says when it has something to tell."""

    def __init__(self, name: str, spec: MachineSpec, truth: Truth, fleet: FleetSpec) -> None:
        models = on_disk(fleet, spec)
        self.name = name
        self.truth = truth
        self.up = True
        self.epoch = 1
        self._spec = spec
        self._keep_alive_s = fleet.keep_alive_s
        self._models = {each.name: each for each in models}
        self._face = face(name, spec, models)
        self._seq = 0
        self._requests: dict[str, Request] = {}
        self._owner = False
        self._device = Device(truth.batching, Heat(truth.hot_after_s, truth.throttled))
        self._engine = self._new_engine()
        for model in spec.loaded:
            self._engine.preload(model)
        self._before = (0, 0)
        """Loads and evictions of earlier engines."""

    # Figures

    @property
    def loads(self) -> int:
        """Models that were loaded here."""
        return self._before[0] + self._engine.loads

    @property
    def evictions(self) -> int:
        """Models that had to make way."""
        return self._before[1] + self._engine.evictions

    @property
    def busy_s(self) -> float:
        """Seconds with calls at work, each counted by the part of full speed that there was."""
        return self._device.busy_s

    @property
    def work_s(self) -> float:
        """Work done, in seconds that it would take alone at full speed; that for calls which failed counts."""
        return self._device.work_s

    # Calls

    def ask(self, request: Request, now: float) -> None:
        """A call has come, or an order to load a model."""
        if not request.is_load:
            self._requests[request.call_id] = request
        self._engine.ask(request, now)

    def give_up(self, call_id: str, now: float) -> None:
        """Nobody wants its answer any more."""
        request = self._requests.pop(call_id, None)
        if request is not None:
            self._device.remove(call_id)
            self._engine.ended(call_id, request.model, now, whole=False)

    @property
    def idle(self) -> bool:
        """No call is here."""
        return not self._requests

    def writing(self) -> list[str]:
        """Calls that bytes come of."""
        return self._device.writing()

    def advance(self, now: float) -> list[Event]:
        """What has happened by now."""
        self._device.advance(now)
        told = [Event(Told.FIRST_BYTE, task.call_id) for task in self._device.read()]
        for task in self._device.done():
            request = self._requests.pop(task.call_id)
            self._device.remove(task.call_id)
            self._engine.ended(task.call_id, request.model, now)
            told.append(Event(Told.FINISHED, task.call_id))
        self._engine.loaded(now)
        return told

    def next_at(self) -> float:
        """When it is to be advanced at the latest; inf: nothing is going on."""
        return min(self._device.next_at(), self._engine.loading_until)

    # The machine

    def beat(self, now: float) -> Heartbeat:
        """Of its agent, now."""
        self._engine.expire(now)
        self._seq += 1
        return beat(self._face, self._engine, epoch=self.epoch, seq=self._seq, owner=self._owner)

    def dies(self) -> list[str]:
        """The calls that were here."""
        lost = list(self._requests)
        for call_id in lost:
            self._device.remove(call_id)
        self._requests.clear()
        self._before = (self.loads, self.evictions)
        self._engine = self._new_engine()
        self.up = False
        return lost

    def comes_back(self) -> None:
        """With nothing in memory."""
        self.up, self.epoch, self._seq = True, self.epoch + 1, 0

    def owner(self, *, there: bool) -> None:
        """Comes back to the machine, or leaves it."""
        self._owner = there
        self._device.owner_leaves(OWNER_LEAVES if there else 1.0)

    def _new_engine(self) -> Engine:
        return Engine(
            self._models,
            memory_bytes(self._spec),
            self._spec.slots,
            self._keep_alive_s,
            self.truth.load_s,
            self._begins,
        )

    def _begins(self, request: Request, known: int) -> None:
        size = self._models[request.model].size_bytes
        reading_s, writing_s = self.truth.alone_s(size, request.prompt - known, request.answer)
        self._device.add(Task(request.call_id, request.model, reading_s, writing_s))
