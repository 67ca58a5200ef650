"""Request bodies in memory, counted together: each is bounded, and so is their sum."""

from aiohttp import web

from coordinator.dialects.body import read_body
from coordinator.requests import CallerRequest, caller_of
from shared.errors import QueueFull


class Bodies:
    """`limit` in bytes, over all requests that are being read or served."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0

    async def read(self, request: CallerRequest | web.Request) -> bytes:
        """One body. Raises QueueFull where there is no room for it, beside what `read_body` raises."""
        asked = caller_of(request)
        self._count(asked, asked.length)
        body = await read_body(asked)
        if len(body) != asked.counted:
            self._count(asked, len(body))
        return body

    def release(self, request: CallerRequest) -> None:
        """The request has been served."""
        self._bytes -= request.counted
        request.counted = 0

    def _count(self, request: CallerRequest, size: int) -> None:
        self.release(request)
        if size and self._bytes and self._bytes + size > self._limit:
            raise QueueFull(
                "too many long calls are being served already (FLEET_BODIES_LIMIT)", retry_after=5
            )
        self._bytes += size
        request.counted = size
