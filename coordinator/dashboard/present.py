"""How the fleet is now and what would make it better: health, recommendations, models on disk, settings."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from aiohttp import web

from coordinator.access.key_file import KeysUnusable
from coordinator.advice.holdings import Holdings, holdings
from coordinator.advice.inventory import inventory
from coordinator.advice.recommend import recommendations
from coordinator.advice.use import ModelUse
from coordinator.config import Settings
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.dashboard.asked import answer, flag
from coordinator.dashboard.reads import Kept, Reads
from coordinator.dashboard.settings import shown
from coordinator.health.report import report
from coordinator.health.snapshot import CallFigures, NodeSeen, Snapshot, Storage, loads_of
from coordinator.trace_reports import TraceReports
from coordinator.traces import TraceStore
from shared import __version__
from shared.errors import Unavailable
from shared.interfaces import own_addresses
from shared.names import ModelName
from shared.sockets import url_of

FIGURES_KEPT_S = 30.0
"""How old sums over calls may be. What the nodes say is always of now."""
ADVICE_KEPT_S = 300.0


class Present:
    """Its addresses. Reads the Desk, changes nothing."""

    def __init__(
        self,
        desk: Desk,
        limits: Limits,
        store: TraceStore,
        reports: TraceReports,
        reads: Reads,
        settings: Settings,
        hostname: str,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._desk = desk
        self._limits = limits
        self._store = store
        self._reports = reports
        self._read = reads
        self.in_use = settings
        """What /dashboard/api/settings shows."""
        self.pending: Callable[[], list[dict[str, Any]]] = list
        """Machines that ask to join."""
        self.keys_unusable: Callable[[], KeysUnusable | None] = lambda: None
        self._hostname = hostname
        self._clock = clock
        self._wall_clock = wall_clock
        self._figures: Kept[CallFigures] = Kept(FIGURES_KEPT_S, clock)
        self._used: Kept[list[ModelUse]] = Kept(FIGURES_KEPT_S, clock)
        self._advice: Kept[dict[str, object]] = Kept(ADVICE_KEPT_S, clock)

    def routes(self) -> list[web.RouteDef]:
        """Its addresses."""
        return [
            web.get("/dashboard/api/health", self.health),
            web.get("/dashboard/api/recommendations", self.recommendations),
            web.get("/dashboard/api/model-management", self.model_management),
            web.get("/dashboard/api/settings", self.settings),
        ]

    async def health(self, request: web.Request) -> web.Response:
        """GET /dashboard/api/health?refresh=false; also while latency.db cannot be read."""
        anew = flag(request, "refresh")
        calls, error = None, ""
        try:
            calls = await self._figures.get(self._ask_figures, anew=anew)
        except Unavailable as unread:
            error = str(unread)
        return answer(report(self._snapshot(calls, error, self._address(request))))

    async def recommendations(self, request: web.Request) -> web.Response:
        """GET /dashboard/api/recommendations?refresh=false; anew when nodes or their models come or go."""
        anew = flag(request, "refresh")
        present = [node for node in self._holdings() if node.status != "offline"]
        ask = partial(self._ask_advice, present, anew)
        return answer(await self._advice.get(ask, about=_who_has_what(present), anew=anew))

    async def model_management(self, request: web.Request) -> web.Response:
        """GET /dashboard/api/model-management?refresh=false"""
        use = await self._use(flag(request, "refresh"))
        return answer(inventory(self._holdings(), use, self._wall_clock()))

    async def settings(self, request: web.Request) -> web.Response:
        """GET /dashboard/api/settings"""
        own = [each.ip for each in await asyncio.to_thread(own_addresses)]
        return answer(shown(self.in_use, self._hostname, self._port(request), self._nodes(), own))

    async def _ask_figures(self) -> CallFigures:
        return await self._read(partial(self._reports.figures, self._wall_clock()))

    async def _ask_advice(self, present: list[Holdings], anew: bool) -> dict[str, object]:
        return recommendations(present, await self._use(anew), self._wall_clock())

    async def _use(self, anew: bool) -> list[ModelUse]:
        return await self._used.get(self._ask_use, anew=anew)

    async def _ask_use(self) -> list[ModelUse]:
        """Reads the whole table, which takes half a second where it has some hundred thousand rows."""
        return await self._read(partial(self._reports.use, self._wall_clock()))

    def _port(self, request: web.Request) -> int:
        bound = request.get_extra_info("sockname")
        return int(bound[1]) if bound else self.in_use.port

    def _address(self, request: web.Request) -> str:
        """By the name under which other machines know this one: where they read this, localhost is another."""
        name = "THIS-HOST" if "localhost" in self._hostname else self._hostname
        return url_of(name, self._port(request))

    def _snapshot(self, calls: CallFigures | None, error: str, address: str) -> Snapshot:
        keys = self.keys_unusable()
        return Snapshot(
            now=self._wall_clock(),
            version=__version__,
            address=address,
            open=self.in_use.open,
            keys_unusable=keys.why if keys else "",
            keys_command=keys.command if keys else "",
            pending=tuple((each["node_id"], each["code"]) for each in self.pending()),
            nodes=tuple(self._nodes()),
            running=sum(node.in_flight.total() for node in self._desk.fleet.nodes.values()),
            held=len(self._desk.holding),
            held_limit=self._limits.held_calls,
            retries_limit=self._limits.retries,
            storage=msgspec.convert(self._store.store_status(), Storage),
            calls=calls,
            calls_error=error,
        )

    def _nodes(self) -> list[NodeSeen]:
        now = self._clock()
        return [
            NodeSeen(
                beat=node.heartbeat,
                standing=node.standing(now, self._limits),
                address=node.address,
                cordoned=node.cordoned,
                drained=node.cordon is not None and node.cordon.drains,
                loads=loads_of(node.loads, now),
            )
            for _, node in sorted(self._desk.fleet.nodes.items())
        ]

    def _holdings(self) -> list[Holdings]:
        return [holdings(node) for node in self._nodes()]


def _who_has_what(nodes: list[Holdings]) -> frozenset[tuple[str, bool, frozenset[tuple[str, ModelName]]]]:
    """What advice depends on; not what changes with every beat, such as memory."""
    return frozenset(
        (node.node_id, node.can_pull, frozenset((held.engine, held.key) for held in node.models))
        for node in nodes
    )
