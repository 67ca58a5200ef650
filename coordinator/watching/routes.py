"""GET /fleet/events: the fleet as it changes, in server-sent events."""

import asyncio
from collections.abc import Callable

import msgspec
from aiohttp import web

from coordinator.access.cookies import token_in
from coordinator.access.principal import Principal
from coordinator.requests import caller_of
from coordinator.watching.feed import BEHIND, Feed, Message, Viewer
from shared.errors import Unavailable

KEEP_ALIVE_S = 10.0
"""After so long without a message a comment is sent: proxies drop what is silent."""
WRITE_S = 10.0
"""How long a viewer may take for one message."""
HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}
TOO_SLOW = Message(
    "dropped",
    "",
    msgspec.json.encode({"reason": f"more than {BEHIND} changes behind; connect again for the whole"}),
)


class Events:
    """Its address."""

    def __init__(
        self,
        feed: Feed,
        keep_alive_s: float = KEEP_ALIVE_S,
        holds: Callable[[Principal, str], bool] = lambda _principal, _token: True,
    ) -> None:
        """`holds`: whether who was let in as that, by a browser's token or none, would be still."""
        self._feed = feed
        self._keep_alive_s = keep_alive_s
        self._holds = holds

    def routes(self) -> list[web.RouteDef]:
        """Its address."""
        return [web.get("/fleet/events", self.events)]

    async def events(self, request: web.Request) -> web.StreamResponse:
        """GET /fleet/events: first `snapshot`, then `change`s; with Last-Event-ID only what was missed. It ends when
        its viewer logs out, or its key does.
        """
        if self._feed.is_full:
            raise Unavailable("too many look on already", retry_after=5)
        response = web.StreamResponse(headers=HEADERS)
        if request.method == "HEAD":  # which is told no events
            return response
        caller = caller_of(request)
        principal, token = caller.principal, token_in(caller.exchange.head.get(b"cookie"))
        viewer = self._feed.join(
            request.headers.get("Last-Event-ID", ""), lambda: self._holds(principal, token)
        )
        try:
            await response.prepare(request)
            await self._tell(viewer, response)
            if viewer.dropped:
                await _write(response, TOO_SLOW.encoded())
        except TimeoutError:
            caller.exchange.abort()
        finally:
            self._feed.leave(viewer)
        return response

    async def _tell(self, viewer: Viewer, response: web.StreamResponse) -> None:
        while True:
            try:
                async with asyncio.timeout(self._keep_alive_s):
                    message = await viewer.waiting.get()
            except TimeoutError:
                await _write(response, b": still here\n\n")
                continue
            if message is None:
                return
            await _write(response, message.encoded())


async def _write(response: web.StreamResponse, content: bytes) -> None:
    """Raises TimeoutError where the viewer takes nothing."""
    async with asyncio.timeout(WRITE_S):
        await response.write(content)
