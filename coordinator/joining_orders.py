"""A person lets machines in: /fleet/tokens, /fleet/pending, and approving, denying or removing a node."""

import logging
import time
from collections.abc import Callable
from typing import Annotated, Any

from aiohttp import web
from msgspec import Meta, Struct

from coordinator.dashboard.asked import answer
from coordinator.dialects.bodies import Bodies
from coordinator.dialects.body import decode_head
from coordinator.joining.reception import Reception
from coordinator.requests import caller_of
from shared.durations import LONGEST_S
from shared.joining_wire import Digits
from shared.names import NodeId

TOKEN_LASTS_S = 3_600.0
"""Where the order names no time."""

log = logging.getLogger("herd.orders")


class _TokenOrder(Struct):
    ttl_s: Annotated[float, Meta(gt=0, le=LONGEST_S)] = TOKEN_LASTS_S
    reusable: bool = False


class _Which(Struct):
    code: Digits = ""


class JoiningOrders:
    """Its addresses."""

    def __init__(
        self, reception: Reception, bodies: Bodies, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._reception = reception
        self._bodies = bodies
        self._wall_clock = wall_clock

    def routes(self) -> list[web.RouteDef]:
        """Reading needs the scope read, all others admin."""
        return [
            web.post("/fleet/tokens", self.create_token),
            web.get("/fleet/tokens", self.tokens),
            web.delete("/fleet/tokens/{token_id}", self.revoke_token),
            web.get("/fleet/pending", self.pending),
            web.post("/fleet/nodes/{node_id}/approve", self.approve),
            web.post("/fleet/nodes/{node_id}/deny", self.deny),
        ]

    def status(self) -> dict[str, Any]:
        """For /fleet/status: who waits, and who has joined. No secrets."""
        now = self._wall_clock()
        return {
            "pending": self.waiting(),
            "joined": [each.node_id for each in self._reception.admitted.all()],
            "tokens": len(self._reception.tokens.all(now)),
        }

    async def create_token(self, request: web.Request) -> web.Response:
        """POST /fleet/tokens {ttl_s, reusable}: the only answer that has the token in it."""
        order = await self._order(request, _TokenOrder)
        made = await self._reception.create_token(order.ttl_s, reusable=order.reusable)
        expires_at = self._wall_clock() + order.ttl_s
        told = {"id": made.id, "token": made.text, "reusable": order.reusable, "expires_at": expires_at}
        return answer(told)

    async def tokens(self, _request: web.Request) -> web.Response:
        """GET /fleet/tokens: those that may still be used, without what makes them tokens."""
        handed = self._reception.tokens.all(self._wall_clock())
        names = ("id", "created_at", "expires_at", "reusable", "used")
        return answer({"tokens": [{name: getattr(each, name) for name in names} for each in handed]})

    async def revoke_token(self, request: web.Request) -> web.Response:
        """DELETE /fleet/tokens/{token_id}"""
        token_id = request.match_info["token_id"]
        await self._reception.revoke_token(token_id)
        return answer({"id": token_id, "revoked": True})

    async def pending(self, _request: web.Request) -> web.Response:
        """GET /fleet/pending: agents that ask to be let in, with the digits that their own terminals show."""
        return answer({"pending": self.waiting()})

    async def approve(self, request: web.Request) -> web.Response:
        """POST /fleet/nodes/{node_id}/approve {code}: it joins when it asks again, in a second or two."""
        which, node_id = await self._order(request, _Which), NodeId(request.match_info["node_id"])
        asking = self._reception.approve(node_id, which.code)
        return answer({"node_id": node_id, "approved": True, "code": asking.code, "address": asking.address})

    async def deny(self, request: web.Request) -> web.Response:
        """POST /fleet/nodes/{node_id}/deny {code}"""
        which, node_id = await self._order(request, _Which), NodeId(request.match_info["node_id"])
        asking = self._reception.deny(node_id, which.code)
        return answer({"node_id": node_id, "denied": True, "code": asking.code, "address": asking.address})

    async def _order(self, request: web.Request, kind: type[Any]) -> Any:
        body = await self._bodies.read(request) if caller_of(request).has_body else b"{}"
        return decode_head(body, kind)

    def waiting(self) -> list[dict[str, Any]]:
        """Machines that ask to be let in, with what they show."""
        admitted = self._reception.admitted
        return [
            {
                "node_id": each.node_id,
                "code": each.code,
                "address": each.address,
                "replaces": admitted.get(each.node_id) is not None,
            }
            for each in self._reception.waiting()
        ]
