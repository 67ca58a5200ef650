"""An engine as Ollama is one: models come into memory when they are asked for, and the one used longest ago goes.

A busy model is never put out: the load waits until its calls have ended, and it takes no new ones until then. Loads
come one after the other. Nothing here takes time but loads; what calls do is the Device's.
"""

import math
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from coordinator.simulate.caches import Blocks, Slots
from coordinator.simulate.fleets import ModelSpec


class Request(Struct, frozen=True):
    """What an engine is asked for."""

    call_id: str
    model: str
    prompt: int
    """Tokens."""
    answer: int
    blocks: Blocks
    context: int
    """With which the model is to be loaded, if it has less."""
    is_load: bool = False
    """Nothing but the model is wanted in memory."""


class Resident:
    """A model in memory."""

    __slots__ = ("bytes", "context", "idle_since", "leaving", "slots", "waiting")

    def __init__(self, size: int, context: int, slots: int, now: float) -> None:
        self.bytes = size
        self.context = context
        self.slots = Slots(slots)
        self.idle_since = now
        self.waiting: deque[Request] = deque()
        """For a slot."""
        self.leaving = False
        """It takes no new calls: another model needs its memory."""


Start = Callable[[Request, int], None]
"""The request runs from now on; so many tokens of its prompt are known already."""


class Engine:
    """Tells of calls that begin through `start`. Times in seconds, sizes in bytes."""

    def __init__(
        self,
        models: dict[str, ModelSpec],
        memory: int,
        slots: int,
        keep_alive_s: float,
        load_s: Callable[[int], float],
        start: Start,
    ) -> None:
        self.models = models
        self.memory = memory
        self.residents: dict[str, Resident] = {}
        self.loads = 0
        self.evictions = 0
        self.loading_until = math.inf
        self._slots = slots
        self._keep_alive_s = keep_alive_s
        self._load_s = load_s
        self._start = start
        self._pending: deque[Request] = deque()
        self._loading: tuple[str, Resident] | None = None

    @property
    def resident_bytes(self) -> int:
        """With what is being loaded."""
        coming = self._loading[1].bytes if self._loading else 0
        return coming + sum(each.bytes for each in self.residents.values())

    def preload(self, model: str) -> None:
        """It is in memory from the beginning, if there is room."""
        resident = self._resident(model, self.models[model].context, 0.0)
        if self.resident_bytes + resident.bytes <= self.memory:
            self.residents[model] = resident

    def ask(self, request: Request, now: float) -> None:
        """It runs now, waits for a slot, or for its model."""
        if not self._serve(request, now):
            self._pending.append(request)
            self._next_load(now)

    def ended(self, call_id: str, model: str, now: float, *, whole: bool = True) -> None:
        """A call has ended or was given up, wherever it stood; not `whole`: before its prompt was read."""
        self._pending = deque(each for each in self._pending if each.call_id != call_id)
        if not self._pending:
            for each in self.residents.values():
                each.leaving = False  # nobody needs its memory any more
        resident = self.residents.get(model)
        if resident is None:
            return
        resident.waiting = deque(each for each in resident.waiting if each.call_id != call_id)
        if not resident.slots.free(call_id, whole=whole):
            return
        while resident.waiting and self._runs(resident.waiting[0], resident, now):
            resident.waiting.popleft()
        if not resident.slots.busy:
            resident.idle_since = now
            self._next_load(now)

    def loaded(self, now: float) -> None:
        """A load has ended, if its time has come: those who waited for it begin."""
        if self._loading is None or now < self.loading_until:
            return
        model, resident = self._loading
        resident.idle_since = now
        self.residents[model], self._loading, self.loading_until = resident, None, math.inf
        self._pending = deque(each for each in self._pending if not self._serve(each, now))
        self._next_load(now)

    def expire(self, now: float) -> None:
        """Models that nobody has used for long leave memory."""
        for model, each in list(self.residents.items()):
            if not each.slots.busy and now - each.idle_since >= self._keep_alive_s:
                del self.residents[model]

    def _serve(self, request: Request, now: float) -> bool:
        """Whether its model is there for it: it runs, or stands in line for a slot."""
        resident = self.residents.get(request.model)
        if resident is None or resident.leaving or resident.context < request.context:
            return False
        if not self._runs(request, resident, now):
            resident.waiting.append(request)
        return True

    def _runs(self, request: Request, resident: Resident, now: float) -> bool:
        if request.is_load:
            resident.idle_since = now
            return True
        known = resident.slots.take(request.call_id, request.blocks)
        if known is None:
            return False
        self._start(request, known)
        return True

    def _next_load(self, now: float) -> None:
        """The first that waits for a model has it loaded, as soon as there is room."""
        if self._loading is not None or not self._pending:
            return
        wanted = self._pending[0]
        resident = self._resident(wanted.model, wanted.context, now)
        if not self._has_room(wanted.model, resident.bytes):
            return
        self._loading = (wanted.model, resident)
        self.loading_until = now + self._load_s(self.models[wanted.model].size_bytes)
        self.loads += 1

    def _has_room(self, model: str, size: int) -> bool:
        """Puts out what has to go; False: that is busy still."""
        old = self.residents.get(model)  # with less context
        if old is not None and not self._put_out(model):
            return False
        while self.residents and self.resident_bytes + size > self.memory:
            idle = {name: each for name, each in self.residents.items() if not each.slots.busy}
            among = idle or self.residents
            if not self._put_out(min(among, key=lambda name: (among[name].idle_since, name))):
                return False
            self.evictions += 1
        return True

    def _put_out(self, model: str) -> bool:
        """Whether it is out; if not, it goes when its calls have ended. Who waits for a slot there waits for a load."""
        resident = self.residents[model]
        resident.leaving = True
        self._pending.extend(resident.waiting)
        resident.waiting.clear()
        if resident.slots.busy:
            return False
        del self.residents[model]
        return True

    def _resident(self, model: str, context: int, now: float) -> Resident:
        spec = self.models[model]
        context = max(context, spec.context)
        size = spec.size_bytes + int(context * self._slots * spec.cache_kb_per_token * 1_000)
        # Where even an empty machine has too little, the rest of the cache lives elsewhere.
        return Resident(min(size, self.memory), context, self._slots, now)
