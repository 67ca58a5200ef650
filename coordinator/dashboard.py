"""What scrapers and people's scripts read of the past: /metrics and /dashboard/api/*."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec
from aiohttp import web

from coordinator.metrics import Metrics
from coordinator.trace_reader import DAY_S, TraceReader
from coordinator.traces import TraceStore
from shared.errors import CallerFault

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_TRACES = 1000
MOST_DAYS = 3650
READS_AT_ONCE = 2
"""The threads are few, and the resolver of names needs them as well."""

Read = TypeVar("Read")


class Dashboard:
    """Its addresses; each read of the file is done in a thread."""

    def __init__(
        self,
        metrics: Metrics,
        store: TraceStore,
        reader: TraceReader,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._metrics = metrics
        self._store = store
        self._reader = reader
        self._wall_clock = wall_clock
        self._reads = asyncio.Semaphore(READS_AT_ONCE)

    def routes(self) -> list[web.RouteDef]:
        """Its addresses."""
        return [
            web.get("/metrics", self.metrics),
            web.get("/dashboard/api/traces", self.traces),
            web.get("/dashboard/api/overview", self.overview),
            web.get("/dashboard/api/usage", self.usage),
        ]

    async def metrics(self, _request: web.Request) -> web.Response:
        """GET /metrics, for Prometheus."""
        text = self._metrics.text(traces_dropped=self._store.dropped)
        return web.Response(body=text.encode(), headers={"Content-Type": METRICS_TYPE})

    async def traces(self, request: web.Request) -> web.Response:
        """GET /dashboard/api/traces?limit=50, newest first."""
        limit = _number(request, "limit", 50, MOST_TRACES)
        return _json({"traces": await self._read(partial(self._reader.traces, limit))})

    async def overview(self, _request: web.Request) -> web.Response:
        """GET /dashboard/api/overview"""
        return _json(await self._read(self._reader.overview))

    async def usage(self, request: web.Request) -> web.Response:
        """GET /dashboard/api/usage?days=7"""
        days = _number(request, "days", 7, MOST_DAYS)
        since = self._wall_clock() - days * DAY_S
        return _json({"days": days, "data": await self._read(partial(self._reader.usage, since))})

    async def _read(self, read: Callable[[], Read]) -> Read:
        async with self._reads:
            return await asyncio.to_thread(read)


def _number(request: web.Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        raise CallerFault(f"{name} is a whole number from 1 to {most}")
    return int(text)


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
