"""Request bodies in memory, counted together: each is bounded, and so is their sum."""

from aiohttp import web

from coordinator.dialects.body import read_body
from shared.errors import QueueFull

_COUNTED = web.RequestKey("herd_body_bytes", int)


class Bodies:
    """`limit` in bytes, over all requests that are being read or served."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0

    async def read(self, request: web.Request) -> bytes:
        """One body. Raises QueueFull where there is no room for it, beside what `read_body` raises."""
        self._count(request, request.content_length or 0)
        body = await read_body(request)
        self._count(request, len(body))
        return body

    def release(self, request: web.Request) -> None:
        """The request has been served."""
        self._bytes -= request.get(_COUNTED, 0)
        request[_COUNTED] = 0

    def _count(self, request: web.Request, size: int) -> None:
        self.release(request)
        if size and self._bytes and self._bytes + size > self._limit:
            raise QueueFull(
                "too many long calls are being served already (FLEET_BODIES_LIMIT)", retry_after=5
            )
        self._bytes += size
        request[_COUNTED] = size
