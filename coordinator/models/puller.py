"""Fetches the models that calls wait for: asks the registry, chooses a node, follows its pull to the end."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from coordinator.core.call import Decisions, Target
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.core.pulls import NODES_TRIED, Setback
from coordinator.core.room import Room, choose, rooms, shown_size
from coordinator.engine_faults import engine_error_text
from coordinator.forward import EngineReply, EngineRequest, Forwarder
from coordinator.models.progress import STALL_S, Progress
from coordinator.models.registry import NotToBeHad, Registry, RegistryDown
from shared.errors import EngineFault, FleetError, Stuck
from shared.names import ModelName

AT_ONCE = 2
"""Pulls at once; further ones wait for their turn."""
UNKNOWN_S = 60.0
"""How long an answer of the registry counts, and how long a pull that failed is not begun anew."""
NOBODY_S = 5.0
"""How long it counts that no node could take a model: that changes with any beat."""

log = logging.getLogger("herd.pulls")

Some = TypeVar("Some")


class Puller:
    """`wishes` is set when the Desk has a wish; `apply` is told what follows from a pull's end."""

    def __init__(
        self,
        desk: Desk,
        limits: Limits,
        registry: Registry,
        forwarder: Forwarder,
        apply: Callable[[Decisions], None],
        wishes: asyncio.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._desk = desk
        self._limits = limits
        self._registry = registry
        self._forwarder = forwarder
        self._apply = apply
        self._wishes = wishes
        self._clock = clock
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as pulls:
            while True:
                await self._wishes.wait()
                self._wishes.clear()
                for model in self._desk.pulls.take():
                    pulls.create_task(self._fetch(model), name=f"pull {model}")

    def status(self) -> list[dict[str, object]]:
        """`pulls` of /fleet/status."""
        return self._desk.pulls.status(self._clock(), self._desk.holding.counts())

    async def _fetch(self, model: ModelName) -> None:
        setback: Setback | None = Setback("it could not be pulled: internal error", UNKNOWN_S)
        try:
            setback = await self._fetched(model)
        except Exception:
            log.exception("a fault of ours", extra={"model": model})
        if setback is not None:
            log.info("%s is not pulled: %s", model, setback.reason, extra={"model": model})
        try:
            self._apply(self._desk.pulled(model, setback, self._clock()))
        except Exception:
            log.exception("a fault of ours", extra={"model": model})

    async def _fetched(self, model: ModelName) -> Setback | None:
        """1. Somebody could pull at all. 2. The registry knows it. 3. It is not too large. 4. A node has room."""
        nobody = choose(self._rooms(), 0)
        if isinstance(nobody, str):
            return Setback(f"no node can pull it now: {nobody}", NOBODY_S)
        try:
            size = await self._registry.size(model)
        except NotToBeHad as error:
            return Setback(str(error), UNKNOWN_S)
        except RegistryDown as error:
            return Setback(str(error), NOBODY_S)
        async with self._turns:
            return self._desk.pulls.size_forbidden(size, self._clock()) or await self._pulled(model, size)

    async def _pulled(self, model: ModelName, size: int) -> Setback | None:
        """Onto the node with most room, and onto one other where that fails."""
        failed: dict[str, str] = {}
        while len(failed) < NODES_TRIED:
            chosen = choose((room for room in self._rooms() if room.node_id not in failed), size)
            if isinstance(chosen, str):
                if not failed:
                    return Setback(f"no node has room for it: {chosen}", NOBODY_S)
                break
            try:
                await self._pull(model, size, chosen)
            except FleetError as error:
                log.warning("the pull failed: %s", error, extra={"model": model, "node_id": chosen.node_id})
                failed[chosen.node_id] = str(error)
            else:
                return None
        return Setback(f"it could not be pulled: {'; '.join(failed.values())}", UNKNOWN_S)

    async def _pull(self, model: ModelName, size: int, room: Room) -> None:
        """Returns when the model is there, and the node has said so in a beat. Raises FleetError."""
        began = self._clock()
        self._desk.pulls.began(model, room.node_id, size, began)
        told = {"model": model, "node_id": room.node_id}
        log.info("pulling %s (%s) onto %s", model, shown_size(size), room.node_id, extra=told)
        target = self._desk.fleet.nodes[room.node_id].target(room.engine)
        body = msgspec.json.encode({"model": model, "stream": True})
        order = EngineRequest("/api/pull", body, {"Content-Type": "application/json"}, whole=False)
        reply = await _within(STALL_S, self._forwarder.send(target, order), target)
        try:
            await self._followed(model, target, reply)
        finally:
            reply.close()
        log.info("pulled %s onto %s in %.0f s", model, room.node_id, self._clock() - began, extra=told)

    async def _followed(self, model: ModelName, target: Target, reply: EngineReply) -> None:
        progress = Progress(target.node_id)
        moved_at = self._clock()
        while True:
            left = moved_at + progress.patience_s - self._clock()
            chunk = await _within(left, reply.read(), target)
            if not chunk:
                break
            if reply.status >= 400:
                raise EngineFault(engine_error_text(chunk), status=reply.status)
            if progress.feed(chunk):
                moved_at = self._clock()
                self._desk.pulls.progressed(model, progress.completed)
        progress.finish()

    def _rooms(self) -> list[Room]:
        return rooms(self._desk.fleet, self._limits, self._clock(), coming=self._desk.pulls.coming())


async def _within(seconds: float, awaited: Awaitable[Some], target: Target) -> Some:
    """Raises Stuck where that is not enough."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            return await awaited
    except TimeoutError as error:
        raise Stuck(f"the pull on {target.node_id} stood still for too long") from error
