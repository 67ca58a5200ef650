"""A coordinator's /fleet/events that tells pictures a test puts there, and takes orders down. A real server."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from coordinator.watching.feed import Feed
from coordinator.watching.routes import Events
from tests.fakes.asked_as_coordinator import asked


class Streamed:
    """`picture` is what is told; `orders` are the paths of POSTs. `explanation`: what /fleet/explain answers."""

    def __init__(self, picture: dict[str, Any], epoch: str = "run1") -> None:
        self.picture = picture
        self.orders: list[str] = []
        self.explanation: dict[str, Any] | None = None
        self.log: list[dict[str, Any]] = []
        self.node_events: list[dict[str, Any]] = []
        self.url = ""
        self._feed = Feed(lambda: self.picture, lambda: None, epoch)

    @contextlib.asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator["Streamed"]:
        """Until the block ends."""
        app = web.Application()
        app.add_routes(
            [
                *Events(self._feed).routes(),
                web.post("/fleet/{tail:.*}", self._order),
                web.get("/fleet/explain/{request_id}", self._explain),
                web.get("/fleet/logs", self._logs),
                web.get("/fleet/nodes/{node_id}", self._node),
            ]
        )
        async with asked(app, port=port) as (host, bound):
            self.url = f"http://{host}:{bound}"
            yield self

    def tell(self, picture: dict[str, Any]) -> None:
        """From now on, and at once."""
        self.picture = picture
        self._feed._publish()

    async def _order(self, request: web.Request) -> web.Response:
        self.orders.append(request.path)
        return web.json_response({"unkept": ""})

    async def _explain(self, _request: web.Request) -> web.Response:
        if self.explanation is None:
            return web.json_response({"error": "no such call"}, status=404)
        return web.json_response(self.explanation)

    async def _node(self, _request: web.Request) -> web.Response:
        return web.json_response({"events": self.node_events})

    async def _logs(self, _request: web.Request) -> web.Response:
        return web.json_response({"lines": self.log, "after": ""})
