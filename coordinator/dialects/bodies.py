"""Request bodies in memory, counted together: each is bounded, and so is their sum."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from coordinator.dialects.body import read_body
from coordinator.dialects.media_urls import check_media
from coordinator.dialects.nesting import check_depth, may_be_deep
from coordinator.requests import CallerRequest, caller_of
from shared.errors import QueueFull

ASIDE = 256 * 2**10
"""Bytes of a body from which it is looked through on a thread: other calls go on meanwhile."""


class Bodies:
    """`limit` in bytes, over all requests that are being read or served."""

    def __init__(self, limit: int, depth: int = 100, *, urls: bool = False) -> None:
        """`depth`: brackets that may be open at once; `urls`: whether images may be named by address."""
        self._limit = limit
        self._depth = depth
        self._urls = urls
        self._bytes = 0

    async def read(self, request: CallerRequest | web.Request) -> bytes:
        """One body. Raises QueueFull where there is no room for it, beside what `read_body` raises."""
        asked = caller_of(request)
        self._count(asked, asked.length)
        body = await read_body(asked, lambda size: self._count(asked, size))
        if len(body) != asked.counted:
            self._count(asked, len(body))
        if may_be_deep(body, self._depth):
            await _aside(check_depth, body, self._depth)
        if not self._urls:
            check_media(body)
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


async def _aside(check: Callable[[bytes, int], None], body: bytes, most: int) -> None:
    if len(body) < ASIDE:
        check(body, most)
    else:
        await asyncio.to_thread(check, body, most)
