"""A person sets a node aside, or takes it back: /fleet/nodes/{node_id}, and its cordon, uncordon, drain."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from coordinator.core.call import Decisions
from coordinator.core.desk import Desk
from coordinator.dashboard.asked import answer
from coordinator.dialects.bodies import Bodies
from coordinator.dialects.body import decode_head
from coordinator.kept_cordons import KeptCordons
from coordinator.kept_file import NotKept
from coordinator.requests import caller_of
from coordinator.status import StatusReader
from shared.durations import LONGEST_S, told
from shared.errors import RouteNotFound
from shared.names import NodeId, near

log = logging.getLogger("herd.orders")

SHOWN = 128
"""Characters of a name that is none."""
_TOLD = (
    "node_id",
    "status",
    "state",
    "reason",
    "cordoned",
    "draining",
    "drained",
    "drain",
    "requests_active",
)
"""The part of a node's status that an order is about."""


class _Order(Struct):
    deadline_s: Annotated[float, Meta(ge=0, le=LONGEST_S)] | None = None


class NodeOrders:
    """Carries orders to the Desk at once, and to the file before it answers."""

    def __init__(
        self,
        desk: Desk,
        apply: Callable[[Decisions], None],
        status: StatusReader,
        kept: KeptCordons,
        bodies: Bodies,
        deadline_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`deadline_s`: what a drain has that names none."""
        self._desk = desk
        self._apply = apply
        self._status = status
        self._kept = kept
        self._bodies = bodies
        self._deadline_s = deadline_s
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        """Its addresses."""
        return [
            web.get("/fleet/nodes/{node_id}", self.node),
            web.post("/fleet/nodes/{node_id}/cordon", self.cordon),
            web.post("/fleet/nodes/{node_id}/uncordon", self.uncordon),
            web.post("/fleet/nodes/{node_id}/drain", self.drain),
        ]

    async def remember(self) -> None:
        """Orders of before the start. Nodes that are not there yet are set aside when they come."""
        known = await asyncio.to_thread(self._kept.read)
        for node_id, deadline in known:
            self._apply(self._desk.cordoned(node_id, self._clock(), on=True, deadline=deadline))
        if known:
            log.info("set aside since before the start: %s", ", ".join(node_id for node_id, _ in known))

    async def node(self, request: web.Request) -> web.Response:
        """GET /fleet/nodes/{node_id}: its part of /fleet/status."""
        return answer(self._status.node(self._named(request)))

    async def cordon(self, request: web.Request) -> web.Response:
        """POST /fleet/nodes/{node_id}/cordon: no new calls there; a drain goes on."""
        node_id, _ = await self._order(request)
        self._apply(self._desk.cordoned(node_id, self._clock(), on=True))
        return await self._done(node_id, "cordoned")

    async def uncordon(self, request: web.Request) -> web.Response:
        """POST /fleet/nodes/{node_id}/uncordon: new calls again; ends a drain, too."""
        node_id, _ = await self._order(request)
        self._apply(self._desk.cordoned(node_id, self._clock(), on=False))
        return await self._done(node_id, "uncordoned")

    async def drain(self, request: web.Request) -> web.Response:
        """POST /fleet/nodes/{node_id}/drain {deadline_s}: cordoned, and what still runs at the deadline is ended."""
        node_id, order = await self._order(request)
        seconds = self._deadline_s if order.deadline_s is None else order.deadline_s
        now = self._clock()
        self._apply(self._desk.cordoned(node_id, now, on=True, deadline=now + seconds))
        return await self._done(node_id, f"drained, with {told(seconds)} for what runs there")

    async def _order(self, request: web.Request) -> tuple[NodeId, _Order]:
        body = await self._bodies.read(request) if caller_of(request).has_body else b"{}"
        return self._named(request), decode_head(body, _Order)

    def _named(self, request: web.Request) -> NodeId:
        """Raises RouteNotFound, with near names."""
        name = request.match_info["node_id"]
        fleet = self._desk.fleet
        if name in fleet.nodes or fleet.cordons[NodeId(name)]:
            return NodeId(name)
        close = near(name, fleet.nodes)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise RouteNotFound(f'no node is named "{name[:SHOWN]}"{hint}')

    async def _done(self, node_id: NodeId, word: str) -> web.Response:
        """The order holds; whether it will after a restart is told."""
        log.info("%s was %s", node_id, word, extra={"node_id": node_id})
        write, unkept = self._kept.taken(self._desk.fleet.cordons.all()), ""
        try:
            await asyncio.to_thread(write)
        except NotKept as error:
            unkept = f"holds until the coordinator's restart only: {error}"
            log.warning("the order for %s %s", node_id, unkept)
        now = self._status.node(node_id)
        return answer({name: now[name] for name in _TOLD} | {"unkept": unkept})
