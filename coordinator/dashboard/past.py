"""What scrapers and people's scripts read of the past: /metrics and sums over calls."""

import time
from collections.abc import Callable
from functools import partial

from aiohttp import web

from coordinator.dashboard.asked import answer, number, window
from coordinator.dashboard.reads import Reads
from coordinator.metrics import Metrics
from coordinator.trace_reader import DAY_S, TraceReader
from coordinator.trace_reports import HOUR_S, TraceReports
from coordinator.traces import TraceStore

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_TRACES = 1000
MOST_DAYS = 3650
MOST_HOURS = 24 * MOST_DAYS


class Past:
    """Its addresses; each read of the file is done in a thread."""

    def __init__(
        self,
        metrics: Metrics,
        store: TraceStore,
        reader: TraceReader,
        reports: TraceReports,
        reads: Reads,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._metrics = metrics
        self._store = store
        self._reader = reader
        self._reports = reports
        self._read = reads
        self._wall_clock = wall_clock

    def routes(self) -> list[web.RouteDef]:
        """Its addresses; `apps` is an older word for tags."""
        return [
            web.get("/metrics", self.metrics),
            web.get("/dashboard/api/traces", self.traces),
            web.get("/dashboard/api/overview", self.overview),
            web.get("/dashboard/api/usage", self.usage),
            web.get("/dashboard/api/trends", self.trends),
            web.get("/dashboard/api/models", self.models),
            web.get("/dashboard/api/tags", self.tags),
            web.get("/dashboard/api/apps", self.tags),
            web.get("/dashboard/api/tags/daily", self.tag_days),
            web.get("/dashboard/api/apps/daily", self.tag_days),
        ]

    async def metrics(self, _request: web.Request) -> web.Response:
        """GET /metrics, for Prometheus."""
        text = self._metrics.text(traces_dropped=self._store.dropped)
        return web.Response(body=text.encode(), headers={"Content-Type": METRICS_TYPE})

    async def traces(self, request: web.Request) -> web.Response:
        """GET /dashboard/api/traces?limit=50, newest first."""
        limit = number(request, "limit", 50, MOST_TRACES)
        return answer({"traces": await self._read(partial(self._reader.traces, limit))})

    async def overview(self, _request: web.Request) -> web.Response:
        """GET /dashboard/api/overview"""
        return answer(await self._read(self._reader.overview))

    async def usage(self, request: web.Request) -> web.Response:
        """GET /dashboard/api/usage?days=7; `keys`: the same calls, by the key that they came with."""
        days = number(request, "days", 7, MOST_DAYS)
        now = self._wall_clock()
        data = await self._read(partial(self._reader.usage, now - days * DAY_S))
        keys = await self._read(partial(self._reports.keys, now - days * DAY_S, now))
        return answer({"days": days, "data": data, "keys": keys})

    async def trends(self, request: web.Request) -> web.Response:
        """GET /dashboard/api/trends?hours=72&start_ts=&end_ts=: completed calls by hour."""
        hours = number(request, "hours", 72, MOST_HOURS)
        asked = window(request, hours * HOUR_S, self._wall_clock())
        return answer({"hours": hours, "data": await self._read(partial(self._reports.hours, *asked))})

    async def models(self, request: web.Request) -> web.Response:
        """GET /dashboard/api/models?days=7&start_ts=&end_ts=: completed calls by model."""
        days = number(request, "days", 7, MOST_DAYS)
        asked = window(request, days * DAY_S, self._wall_clock())
        daily = await self._read(partial(self._reports.model_days, *asked))
        summary = await self._read(partial(self._reports.models, *asked))
        return answer({"days": days, "daily": daily, "summary": summary})

    async def tags(self, request: web.Request) -> web.Response:
        """GET /dashboard/api/tags?days=7&start_ts=&end_ts=; `summary` is over all that is kept."""
        days = number(request, "days", 7, MOST_DAYS)
        asked = window(request, days * DAY_S, self._wall_clock())
        data = await self._read(partial(self._reports.tags, *asked))
        summary = await self._read(partial(self._reports.tag_summary, asked.until))
        return answer({"days": days, "data": data, "summary": summary})

    async def tag_days(self, request: web.Request) -> web.Response:
        """GET /dashboard/api/tags/daily?days=7&start_ts=&end_ts="""
        days = number(request, "days", 7, MOST_DAYS)
        asked = window(request, days * DAY_S, self._wall_clock())
        return answer({"days": days, "data": await self._read(partial(self._reports.tag_days, *asked))})
