"""A person ends a call: POST /fleet/requests/{request_id}/cancel."""

import logging

from aiohttp import web

from coordinator.dashboard.asked import answer
from coordinator.dispatch import Dispatcher
from shared.errors import CallerFault, EndedByOperator, RouteNotFound
from shared.names import acceptable_call_id

log = logging.getLogger("herd.orders")


class RequestOrders:
    """Its address."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def routes(self) -> list[web.RouteDef]:
        """Its address."""
        return [web.post("/fleet/requests/{request_id}/cancel", self.cancel)]

    async def cancel(self, request: web.Request) -> web.Response:
        """POST /fleet/requests/{request_id}/cancel: its caller is told, its place is free, no node is tried again."""
        call_id = acceptable_call_id(request.match_info["request_id"])
        if call_id is None:
            raise CallerFault("a request id has 1 to 128 letters, digits, dots, hyphens and underscores")
        if not self._dispatcher.give_up(
            call_id, EndedByOperator("a person who runs the fleet ended this call")
        ):
            raise RouteNotFound(f"no call {call_id!r} waits or runs")
        log.info("a call was ended by order", extra={"request_id": call_id})
        return answer({"request_id": call_id, "status": "ended"})
