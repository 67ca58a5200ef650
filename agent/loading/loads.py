"""The node's one account of loads: who was granted what, who waits for whom, who had to go."""

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from agent.loading.claims import Claim, Use, left, not_taken_yet
from agent.loading.decision import Model, NoRoom, Room, decided
from agent.loading.loaded import Uses, freeable
from agent.loading.spec import LoadSpec
from agent.loading.visible import visible
from agent.models.placement import CAP, cards_of, room
from agent.models.unloading import Loaded, Plan
from agent.supervision.launch import Rung
from shared.wire import Capacity, Engine, Gpu

FREED_S = 20.0
"""So long memory may take to be free again after its owner let it go."""
LOOK_S = 0.25
"""Between looks whether it is."""
SUSPECT_S = 86_400.0
"""A GPU that was poisoned again and again takes no model for so long; then it is tried again, as the ladder climbs."""

log = logging.getLogger("herd-node.loading")


class Node(NamedTuple):
    """What is read of this machine, and done on it."""

    gpus: Callable[[], Awaitable[list[Gpu]]]
    host_free: Callable[[], int]
    """Bytes."""
    host_total: Callable[[], int]
    """Bytes."""
    used: Callable[[Collection[int]], Awaitable[Use]]
    """By these processes and all below them."""
    reports: Callable[[], Sequence[Engine]]
    """The engines', as they told last."""
    unload: Callable[[str, str], Awaitable[str]]
    """A model of an engine; answers why that failed, or nothing."""
    capacity: Callable[[], Capacity | None]
    """What the owner leaves."""


class Granted(Struct):
    """One engine's load, from its admission until its memory is free again."""

    path: str
    claim: Claim
    free_before: Mapping[str, int] = {}
    """Of the cards that it is on, by identifier."""
    number: int = 0
    """Counts admissions."""
    pid: int | None = None
    processes: frozenset[int] = frozenset()
    """That were seen to have memory of a GPU."""
    loaded: bool = False
    ended_at: float | None = None


class Loads:
    """One node's. `cap`: a share of each GPU's memory, and of the host's free memory."""

    def __init__(self, node: Node, cap: float = CAP) -> None:
        self.node = node
        self.cap = cap
        self.granted: dict[str, Granted] = {}
        """By seat."""
        self.changed = asyncio.Condition()
        self.uses = Uses()
        self._turn = asyncio.Lock()
        """Decisions are made one after the other, in the order in which they were asked for."""
        self._suspect: dict[str, float] = {}
        self._admissions = 0
        self._seats = Counter[str]()

    def seat(self, engine: str) -> str:
        """In the account, for one engine of that name: while one takes another's place there are two."""
        self._seats[engine] += 1
        return f"{engine}~{number}" if (number := self._seats[engine]) > 1 else engine

    def suspect(self, seat: str) -> None:
        """The cards that it is on take nothing for a day."""
        if known := self.granted.get(seat):
            until = time.monotonic() + SUSPECT_S
            self._suspect |= dict.fromkeys(known.claim.gpu_bytes, until)
            log.error("GPUs %s are quarantined: poisoned under %s", list(known.claim.gpu_bytes), seat)

    async def until_nobody_loads(self, seat: str, path: str) -> None:
        """One file is read by one engine at a time: the next finds it in the host's memory, and its size measured."""
        async with self.changed:
            await self.changed.wait_for(lambda: not self._loads(seat, path))

    async def admit(self, seat: str, engine: str, spec: LoadSpec, model: Model, rung: Rung) -> Plan | NoRoom:
        """What is granted is taken from all that follow, until it shows in the readings."""
        async with self._turn:
            plan, there = await self._settled(seat, engine, spec, model, rung)
            if isinstance(plan, Plan):
                self._admissions += 1
                self.granted[seat] = self._entry(spec, model, plan, there)
            return plan

    async def told(self) -> None:
        """Something changed for who waits."""
        async with self.changed:
            self.changed.notify_all()

    def after(self, number: int) -> list[Claim]:
        """What was granted later."""
        return [each.claim for each in self.granted.values() if each.number > number]

    async def _settled(
        self, seat: str, engine: str, spec: LoadSpec, model: Model, rung: Rung
    ) -> tuple[Plan | NoRoom, Room]:
        """The decision, once nothing that would change it is on its way."""
        room = await self._room(seat, spec)
        there = freeable(self.node.reports(), engine, room.cards, self.uses, time.time())
        plan = decided(spec, model, rung, room, there, time.time())
        if isinstance(plan, NoRoom) and not self._returning(seat):
            return plan, room
        wanted = plan.placement.gpu_layers if isinstance(plan, Plan) else 0
        if isinstance(plan, Plan):
            if not plan.unload:
                return plan, room
            await self._put_out(plan.unload, there)
        deadline = time.monotonic() + FREED_S
        while time.monotonic() < deadline:
            await asyncio.sleep(LOOK_S)
            room = await self._room(seat, spec)
            plan = decided(spec, model, rung, room, (), time.time())
            if isinstance(plan, Plan) and plan.placement.gpu_layers >= wanted:
                break
        return plan, room

    async def _put_out(self, names: Collection[str], there: Sequence[Loaded]) -> None:
        for each in there:
            if each.name in names:
                engine, _, model = each.name.partition("/")
                problem = await self.node.unload(engine, model)
                log.info("%s of %s makes room%s", model, engine, f": {problem}" if problem else "")

    async def _room(self, seat: str, spec: LoadSpec) -> Room:
        now = time.monotonic()
        suspect = {card for card, until in self._suspect.items() if until > now}
        cards = cards_of(await self.node.gpus(), suspect) if spec.on_gpus else ()
        claims = [await self._rest(each) for name, each in self.granted.items() if name != seat]
        cards, host = left(cards, self.node.host_free(), claims)
        return Room(visible(cards, {**os.environ, **spec.environment}), host, self.cap)

    async def _rest(self, known: Granted) -> Claim:
        """Of a grant that is not used up."""
        if known.ended_at is not None:
            return Claim()
        use = Use({}) if known.pid is None else await self.node.used([known.pid])
        return not_taken_yet(known.claim, use, loaded=known.loaded)

    def _entry(self, spec: LoadSpec, model: Model, plan: Plan, there: Room) -> Granted:
        placement = plan.placement
        sizes = {
            card.uuid: room(card, self.cap) if spec.fills_cards else size
            for card, size in zip(placement.cards, placement.gpu_bytes, strict=True)
        }
        claim = Claim(sizes, placement.host_bytes, model.factor(gpu=bool(placement.cards)))
        free = {card.uuid: card.free_bytes for card in there.cards if card.uuid in sizes}
        return Granted(spec.path, claim, free, self._admissions)

    def _loads(self, seat: str, path: str) -> bool:
        return any(
            known.path == path and not known.loaded and known.ended_at is None
            for name, known in self.granted.items()
            if name != seat
        )

    def _returning(self, seat: str) -> bool:
        """Whether another's memory may still come back. What did not in time is given up."""
        late = time.monotonic() - FREED_S
        ended = {name: known.ended_at for name, known in self.granted.items() if known.ended_at is not None}
        for name in (each for each, at in ended.items() if at < late and each != seat):
            del self.granted[name]
        return any(at >= late for name, at in ended.items() if name != seat)


def taken_by_models(reports: Sequence[Engine], but_for: str) -> int:
    """Bytes, of all that is loaded in engines other than that one."""
    return sum(
        replica.size_bytes
        for each in reports
        if each.up and each.name != but_for
        for replica in each.replicas
    )


def leaves(capacity: Capacity | None) -> int | None:
    """Bytes that the owner leaves to all models together; None: no bound."""
    return None if capacity is None else capacity.ceiling_bytes
