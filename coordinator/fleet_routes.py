"""What the verbs ask beside /fleet/status: open calls, the log; a model is to leave memory, a node to be forgotten."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from aiohttp import web
from msgspec import Struct

from coordinator.catalog import Catalog
from coordinator.core.call import Decisions, Target
from coordinator.core.desk import Desk
from coordinator.dashboard.asked import answer, number
from coordinator.dialects.bodies import Bodies
from coordinator.dialects.body import decode_head, model_name
from coordinator.dialects.ollama_errands import OllamaErrands
from coordinator.forward import EngineRequest
from coordinator.journal import CallRecord
from coordinator.kept_cordons import KeptCordons
from coordinator.kept_file import NotKept
from coordinator.log_pages import MOST_LINES, Page, Wanted, after, is_level, newest
from coordinator.open_requests import open_requests
from shared.errors import CallerFault, FleetError, ModelNotFound, NodeFailure, RouteNotFound, Unavailable
from shared.logs import GATHER_S
from shared.names import CallId, ModelName, NodeId, is_model_name, near, normalise

PAGE = 200
"""Lines of the log that are told where nobody says how many."""
PAGES = 2
"""That are read at once."""
STOP_S = 30.0
"""How long an engine may take to say that it lets a model go."""
SHOWN = 128
"""Characters of a name that is none."""

log = logging.getLogger("herd.orders")


class _Stop(Struct):
    model: str | None = None
    node_id: str | None = None


async def _nobody(_node_id: NodeId) -> str | None:
    """Where nobody joins."""
    return None


class FleetRoutes:
    """Its addresses."""

    def __init__(
        self,
        desk: Desk,
        apply: Callable[[Decisions], None],
        catalog: Catalog,
        errands: OllamaErrands,
        bodies: Bodies,
        kept: KeptCordons,
        log_file: Path,
        records: Callable[[], Mapping[CallId, CallRecord]],
        clock: Callable[[], float] = time.monotonic,
        dismissed: Callable[[NodeId], Awaitable[str | None]] = _nobody,
    ) -> None:
        """`dismissed`: shows a node out that has joined; None: it has not, else why that is not kept."""
        self._desk = desk
        self._apply = apply
        self._catalog = catalog
        self._errands = errands
        self._bodies = bodies
        self._kept = kept
        self._log_file = log_file
        self._records = records
        self._clock = clock
        self._dismissed = dismissed
        self._paging = asyncio.Semaphore(PAGES)

    def routes(self) -> list[web.RouteDef]:
        """Its addresses."""
        return [
            web.get("/fleet/requests", self.requests),
            web.get("/fleet/logs", self.logs),
            web.post("/fleet/stop", self.stop),
            web.delete("/fleet/nodes/{node_id}", self.remove),
        ]

    async def requests(self, _request: web.Request) -> web.Response:
        """GET /fleet/requests: the calls that wait or run."""
        return answer(open_requests(self._desk, self._records(), self._clock()))

    async def logs(self, request: web.Request) -> web.Response:
        """GET /fleet/logs?lines=200&node_id=&request_id=&level=&after=: the newest, or those written since."""
        count = number(request, "lines", PAGE, MOST_LINES)
        wanted = Wanted(*(request.query.get(name, "") for name in ("node_id", "request_id", "level")))
        if wanted.level and not is_level(wanted.level):
            raise CallerFault("level is DEBUG, INFO, WARNING, ERROR or CRITICAL")
        after = request.query.get("after", "")
        async with self._paging:
            page = await asyncio.to_thread(self._page, wanted, after, count)
            if (
                wanted.request_id and not after and not page.lines
            ):  # of a call that has just ended, they are on the way
                await asyncio.sleep(2 * GATHER_S)
                page = await asyncio.to_thread(self._page, wanted, after, count)
        return answer(page._asdict())

    async def stop(self, request: web.Request) -> web.Response:
        """POST /fleet/stop {model, node_id}: it leaves memory there, else wherever it is loaded.

        Each engine has STOP_S. 200 where one of them did it, with those that did not in `failed`; 502 where none did.
        """
        order = decode_head(await self._bodies.read(request), _Stop)
        asked, model = model_name(order.model)
        targets = self._loaded(model, asked, order.node_id)
        wrong = await everywhere(targets, lambda target: self._unload(target, model))
        failed = [
            {"node_id": target.node_id, "error": why}
            for target, why in zip(targets, wrong, strict=True)
            if why
        ]
        if failed and len(failed) == len(targets):
            raise NodeFailure("; ".join(f"{each['node_id']}: {each['error']}" for each in failed))
        stopped = [target.node_id for target, why in zip(targets, wrong, strict=True) if not why]
        return answer({"model": asked, "nodes": stopped, "failed": failed})

    async def _unload(self, target: Target, model: ModelName) -> None:
        """Raises FleetError."""
        body = msgspec.json.encode({"model": self._catalog.spelled(target, model), "keep_alive": 0})
        headers = {"Content-Type": "application/json"}
        await self._errands.carry_out(target, EngineRequest("/api/generate", body, headers, whole=True))
        told = {"node_id": target.node_id, "model": model}
        log.info("%s was stopped on %s", model, target.node_id, extra=told)

    async def remove(self, request: web.Request) -> web.Response:
        """DELETE /fleet/nodes/{node_id}: one that has joined is cut off at once; any other will not come back, and 409
        where it is heard or runs calls.
        """
        name = NodeId(request.match_info["node_id"])
        fleet = self._desk.fleet
        unkept = await self._dismissed(name)
        if unkept is None:
            if name not in fleet.nodes and fleet.cordons[name] is None:
                close = near(name, fleet.nodes)
                hint = f"; did you mean {' or '.join(close)}?" if close else ""
                raise RouteNotFound(f'no node is named "{name[:SHOWN]}"{hint}')
            self._apply(self._desk.removed(name, self._clock()))
        fleet.cordons.lifted(name)
        log.info("%s was removed", name, extra={"node_id": name})
        write = self._kept.taken(fleet.cordons.all())
        try:
            await asyncio.to_thread(write)
        except NotKept as error:
            unkept = f"holds until the coordinator's restart only: {error}"
        if unkept:
            log.warning("the order for %s %s", name, unkept)
        return answer({"node_id": name, "removed": True, "unkept": unkept or ""})

    def _page(self, wanted: Wanted, place: str, count: int) -> Page:
        """Raises CallerFault, Unavailable."""
        try:
            return (
                after(self._log_file, wanted, place, count)
                if place
                else newest(self._log_file, wanted, count)
            )
        except ValueError as error:
            raise CallerFault("after is what an earlier answer told") from error
        except OSError as error:
            raise Unavailable(f"the log cannot be read: {error.strerror}", retry_after=2) from error

    def _loaded(self, model: ModelName, asked: str, node_id: str | None) -> list[Target]:
        """Ollamas that have it in memory. Raises ModelNotFound, RouteNotFound, CallerFault, Unavailable."""
        if node_id is not None:
            self._catalog.target(node_id, "ollama")
        entries = self._catalog.entries()
        if model not in entries:
            close = near(asked, entries) if is_model_name(asked) else []
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            raise ModelNotFound(f'model "{asked}" not found', hint=hint)
        targets = self._catalog.targets("ollama", model=model, node_id=node_id)
        return [target for target in targets if self._is_loaded(target, model)]

    def _is_loaded(self, target: Target, model: ModelName) -> bool:
        engines = self._desk.fleet.nodes[target.node_id].heartbeat.engines
        return any(
            normalise(replica.model) == model
            for engine in engines
            if engine.name == target.engine
            for replica in engine.replicas
        )


async def everywhere(
    targets: Sequence[Target], order: Callable[[Target], Awaitable[object]], within_s: float = STOP_S
) -> list[str]:
    """At all of them at once, so that none waits for another: for each why it was not done, or nothing."""

    async def at(target: Target) -> str:
        try:
            async with asyncio.timeout(within_s):
                await order(target)
        except TimeoutError:
            return f"{target.engine} gave no answer within {within_s:g} s"
        except FleetError as error:
            return str(error)
        return ""

    return list(await asyncio.gather(*(at(target) for target in targets)))
