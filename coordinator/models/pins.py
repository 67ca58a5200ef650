"""Models that stay loaded on a node until they are unpinned: from the settings, or by order, over restarts."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct

from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.core.node import Node
from coordinator.core.room import Room, room_of
from coordinator.core.warming import Load, order_for, pin_refusal
from coordinator.dashboard.asked import answer
from coordinator.dialects.bodies import Bodies
from coordinator.dialects.body import decode_head, model_name
from coordinator.kept_file import KeptFile, NotKept
from coordinator.models.loader import Loader
from shared.errors import Conflict, FleetError, ModelNotFound, RouteNotFound, Unavailable
from shared.names import ModelName, NodeId, near, normalise

FILE = "pinned_models.json"
PINNED_AT_MOST = 256
"""On one node by order: far more than fits."""

SHOWN = 128
"""Characters of a name that an error repeats."""

log = logging.getLogger("herd.pins")


class _File(Struct):
    nodes: dict[str, list[str]] = {}
    updated_at: float = 0.0


class _Order(Struct):
    node_id: str | None = None
    model: str | None = None
    pinned: bool | None = None


class Pins:
    """`fixed`: pins of the settings, MODEL@NODE, or MODEL for whichever node has room for it."""

    def __init__(
        self,
        path: Path,
        fixed: Iterable[str],
        desk: Desk,
        limits: Limits,
        loader: Loader,
        bodies: Bodies,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = KeptFile(path, _File, log)
        self._desk = desk
        self._limits = limits
        self._loader = loader
        self._bodies = bodies
        self._clock = clock
        self._fixed: dict[NodeId, set[ModelName]] = {}
        self._ordered: dict[NodeId, set[ModelName]] = {}
        self._orders: list[Load] = []
        self._updated_at = 0.0
        self._turn = asyncio.Lock()
        self.anywhere: set[ModelName] = set()
        self.changed = True
        """Whether somebody should look at once."""
        for name, at, node_id in (each.partition("@") for each in fixed):
            if at:
                self._fixed.setdefault(NodeId(node_id), set()).add(normalise(name))
            else:
                self.anywhere.add(normalise(name))

    def routes(self) -> list[web.RouteDef]:
        """Its addresses."""
        return [
            web.get("/fleet/pin", self.told),
            web.post("/fleet/pin", self.pin),
            web.delete("/fleet/pin", self.unpin),
            web.get("/dashboard/api/pinned-models", self.told),
            web.post("/dashboard/api/pinned-models", self.pin),
        ]

    def read(self) -> None:
        """What was pinned by order before this start. In a thread: a disk may be slow."""
        known = self._file.read()
        if known is None:
            return
        self._updated_at = known.updated_at
        self._ordered = {
            NodeId(node_id): set(map(normalise, models)) for node_id, models in known.nodes.items() if models
        }

    def per_node(self) -> dict[NodeId, set[ModelName]]:
        """Pinned models by node, whoever pinned them."""
        return {
            node_id: self._fixed.get(node_id, set()) | self._ordered.get(node_id, set())
            for node_id in sorted({*self._fixed, *self._ordered})
        }

    def take_orders(self) -> list[Load]:
        """To be carried out at once, whatever is loaded."""
        taken, self._orders = self._orders, []
        return taken

    def status(self) -> dict[str, Any]:
        """`pins` of /fleet/status."""
        return {
            "per_node": {node_id: sorted(models) for node_id, models in self.per_node().items()},
            "anywhere": sorted(self.anywhere),
            "updated_at": self._updated_at,
        }

    async def told(self, _request: web.Request) -> web.Response:
        """GET /fleet/pin"""
        return answer(self.status())

    async def pin(self, request: web.Request) -> web.Response:
        """POST /fleet/pin {model, node_id, pinned}: without a node, where it is loaded or has most room."""
        order = await self._order(request)
        if order.pinned is False:
            return await self._unpinned(order)
        asked, model = model_name(order.model)
        node, room = self._place(order.node_id, model, asked)
        async with self._turn:
            mine = self.per_node().get(node.node_id, set())
            if len(mine) >= PINNED_AT_MOST:
                raise Conflict(f"{len(mine)} models are pinned on {node.node_id} already")
            if refusal := pin_refusal(node, room, mine, model):
                raise Conflict(refusal)
            await self._keep(node.node_id, self._ordered.get(node.node_id, set()) | {model})
        self._loader.forgive((node.node_id, model))
        if not room.closed:  # else it is loaded once the node takes calls again
            self._have_loaded(node, room, model, "it was pinned", for_ever=True)
        log.info("%s was pinned on %s", model, node.node_id, extra={"node_id": node.node_id, "model": model})
        loaded = any(spot.replicas for spot in node.spots.get(model, ()))
        return self._done(model, node.node_id, "pinned_node", loaded=loaded)

    async def unpin(self, request: web.Request) -> web.Response:
        """DELETE /fleet/pin {model, node_id}: without a node, from every one."""
        return await self._unpinned(await self._order(request))

    async def _unpinned(self, order: _Order) -> web.Response:
        asked, model = model_name(order.model)
        async with self._turn:
            there = {
                node_id
                for node_id, models in self._ordered.items()
                if model in models and order.node_id in (None, node_id)
            }
            if not there:
                raise await self._not_pinned(asked, model)
            for node_id in sorted(there):
                await self._keep(node_id, self._ordered[node_id] - {model})
                self._let_go(node_id, model)
        log.info("%s was unpinned from %s", model, ", ".join(sorted(there)), extra={"model": model})
        return self._done(model, sorted(there), "unpinned_from")

    async def _order(self, request: web.Request) -> _Order:
        return decode_head(await self._bodies.read(request), _Order)

    def _place(self, node_id: str | None, model: ModelName, asked: str) -> tuple[Node, Room]:
        now = self._clock()
        if node_id is not None and node_id not in self._desk.fleet.nodes:
            close = near(node_id, self._desk.fleet.nodes)
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            raise RouteNotFound(f'no node is named "{node_id[:SHOWN]}"{hint}')
        found = [
            (bool(spot.replicas), room.roomy, node, room)
            for node, spot in self._desk.fleet.having(model)
            if node_id in (None, node.node_id)
            and (room := room_of(node, self._limits, now)).engine == spot.engine.name
        ]
        if not found:
            where = f"on an Ollama of {node_id}" if node_id else "on an Ollama node"
            raise ModelNotFound(f'model "{asked}" not found {where}, pull it there first')
        _, _, node, room = max(found, key=lambda each: each[:2])
        return node, room

    def _have_loaded(self, node: Node, room: Room, model: ModelName, why: str, *, for_ever: bool) -> None:
        if order := order_for(node, room, model, why, for_ever=for_ever):
            self._orders.append(msgspec.structs.replace(order, lets_go=not for_ever))
            self.changed = True

    def _let_go(self, node_id: NodeId, model: ModelName) -> None:
        """Loaded once more for Ollama's usual time, it goes when nobody uses it."""
        node = self._desk.fleet.nodes.get(node_id)
        if node is None:
            return
        loaded = any(spot.replicas for spot in node.spots.get(model, ()))
        if loaded or self._loader.is_under_way((node_id, model)):
            room = room_of(node, self._limits, self._clock())
            self._have_loaded(node, room, model, "it was unpinned", for_ever=False)

    async def _keep(self, node_id: NodeId, models: set[ModelName]) -> None:
        """Written first: what is answered survives. Raises Unavailable."""
        kept = {name: each for name, each in (self._ordered | {node_id: models}).items() if each}
        now = time.time()
        file = _File({name: sorted(each) for name, each in kept.items()}, now)
        before = self._ordered, self._updated_at
        self._ordered, self._updated_at = kept, now  # a caller that leaves meanwhile changes nothing
        try:
            await asyncio.to_thread(self._file.write, msgspec.json.encode(file))
        except NotKept as error:
            self._ordered, self._updated_at = before
            raise Unavailable(str(error), retry_after=5) from error

    async def _not_pinned(self, asked: str, model: ModelName) -> FleetError:
        if model in self.anywhere or any(model in models for models in self._fixed.values()):
            return Conflict(f'"{asked}" is pinned by FLEET_PINNED_MODELS, and stays so until that is changed')
        if unread := await asyncio.to_thread(self._file.refusal):  # it may well be pinned in there
            return Unavailable(unread, retry_after=5)
        return ModelNotFound(f'"{asked}" is not pinned there')

    def _done(self, model: ModelName, where: object, word: str, **more: object) -> web.Response:
        told = {"ok": True, "model": model, word: where, "per_node": self.status()["per_node"]}
        return answer(told | more)
