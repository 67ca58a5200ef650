"""A person swaps a model for its newest version: POST /fleet/swap, and GET /fleet/swap/{order} for how it goes."""

import logging
import secrets
import time
from collections.abc import Callable, Iterable

from aiohttp import web
from msgspec import Struct

from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.core.swaps import Swaps
from coordinator.dashboard.asked import answer
from coordinator.dialects.bodies import Bodies
from coordinator.dialects.body import decode_head
from shared.errors import CallerFault, ModelNotFound, QueueFull, RouteNotFound
from shared.names import NodeId, is_model_name, near, normalise

log = logging.getLogger("herd.orders")

SHOWN = 128
"""Characters of a name that is none."""


class _Order(Struct):
    model: str | None = None
    node_id: str | None = None


class SwapOrders:
    """Notes orders; the next beats of the nodes take them."""

    def __init__(
        self,
        desk: Desk,
        limits: Limits,
        swaps: Swaps,
        bodies: Bodies,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._desk = desk
        self._limits = limits
        self._swaps = swaps
        self._bodies = bodies
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        """Its addresses."""
        return [web.post("/fleet/swap", self.swap), web.get("/fleet/swap/{order}", self.state)]

    async def swap(self, request: web.Request) -> web.Response:
        """POST /fleet/swap {model, node_id}: on that node, else on every node that has the model, one after another."""
        order = decode_head(await self._bodies.read(request), _Order)
        if not order.model or not is_model_name(order.model):
            raise CallerFault("model is required")
        nodes = self._nodes(order.model, order.node_id)
        if self._swaps.full:
            raise QueueFull("too many swaps are under way", retry_after=30)
        swap = self._swaps.ordered(secrets.token_hex(8), order.model, nodes)
        log.info("%s is swapped on %s", order.model, ", ".join(nodes), extra={"model": order.model})
        return answer(swap.status())

    async def state(self, request: web.Request) -> web.Response:
        """GET /fleet/swap/{order}. Orders are forgotten when the coordinator is started anew."""
        swap = self._swaps.known(request.match_info["order"], self._clock())
        if swap is None:
            raise RouteNotFound("no such order: a coordinator that was started anew has forgotten it")
        return answer(swap.status())

    def _nodes(self, model: str, node_id: str | None) -> list[NodeId]:
        """Raises RouteNotFound for a node and ModelNotFound for a model that is not there, with near names."""
        known, name, now = self._desk.fleet.nodes, normalise(model), self._clock()
        if node_id is not None and node_id not in known:
            raise RouteNotFound(f'no node is named "{node_id[:SHOWN]}"{_perhaps(node_id, known)}')
        present = {
            each.node_id: each
            for each in known.values()
            if node_id in (None, each.node_id) and each.standing(now, self._limits).status != "offline"
        }
        if found := sorted(each for each, node in present.items() if name in node.spots):
            return found
        where = f"on {node_id}" if node_id else "on a node that is there"
        models = sorted({each for node in present.values() for each in node.spots})
        raise ModelNotFound(f'model "{model[:SHOWN]}" not found {where}', hint=_perhaps(name, models))


def _perhaps(name: str, known: Iterable[str]) -> str:
    close = near(name, known)
    return f"; did you mean {' or '.join(close)}?" if close else ""
