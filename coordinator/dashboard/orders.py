"""Orders of the dashboard: a model is to be pulled onto a node, or deleted from it."""

import logging

import msgspec
from aiohttp import web
from msgspec import Struct

from coordinator.catalog import Catalog
from coordinator.core.call import Target
from coordinator.dashboard.asked import answer
from coordinator.dialects.bodies import Bodies
from coordinator.dialects.body import decode_head, model_name
from coordinator.dialects.ollama_errands import OllamaErrands
from coordinator.dialects.relay import passed_headers
from coordinator.engine_faults import engine_error_text
from coordinator.forward import EngineRequest
from coordinator.requests import caller_of
from shared.errors import CallerFault, Conflict, MethodNotAllowed, NodeFailure

log = logging.getLogger("herd.orders")


class _Order(Struct):
    node_id: str | None = None
    model: str | None = None


class _Said(Struct):
    status: str | None = None


class Orders:
    """Each goes through the node's gateway to its Ollama, and is answered once it is done."""

    def __init__(self, catalog: Catalog, errands: OllamaErrands, bodies: Bodies) -> None:
        self._catalog = catalog
        self._bodies = bodies
        self._errands = errands

    def routes(self) -> list[web.RouteDef]:
        """Its addresses."""
        return [
            web.post("/dashboard/api/pull", self.pull),
            web.post("/dashboard/api/delete", self.delete),
            web.post("/dashboard/api/settings", self.change_settings),
        ]

    async def pull(self, request: web.Request) -> web.Response:
        """POST /dashboard/api/pull {node_id, model}: the answer comes when the model is there."""
        target, name = await self._order(request)
        asked, model = model_name(name)
        self._errands.registries.check(caller_of(request).principal, model)
        if self._errands.is_pulling(target, model):
            raise Conflict(f"{target.node_id} is pulling {asked} already")
        with self._errands.pulling(target, model):
            body = msgspec.json.encode({"model": asked, "stream": False})
            order = EngineRequest("/api/pull", body, passed_headers(caller_of(request)), whole=True)
            _check_pulled(await self._errands.carry_out(target, order), target)
        return _done(target, asked, "pulled")

    async def delete(self, request: web.Request) -> web.Response:
        """POST /dashboard/api/delete {node_id, model}"""
        target, name = await self._order(request)
        asked, model = model_name(name)
        body = msgspec.json.encode({"model": self._catalog.spelled(target, model)})
        order = EngineRequest(
            "/api/delete",
            body,
            passed_headers(caller_of(request)),
            whole=True,
            method="DELETE",
            answered=False,
        )
        await self._errands.carry_out(target, order)
        return _done(target, asked, "deleted")

    async def change_settings(self, _request: web.Request) -> web.Response:
        """POST /dashboard/api/settings: there is nothing that can be changed while the coordinator runs."""
        raise MethodNotAllowed(
            "no setting can be changed while the coordinator runs: set FLEET_* in its environment or env file, "
            "and start it again",
            allowed="GET, HEAD",
        )

    async def _order(self, request: web.Request) -> tuple[Target, str | None]:
        order = decode_head(await self._bodies.read(request), _Order)
        if not order.node_id:
            raise CallerFault("node_id is required")
        model_name(order.model)
        return self._catalog.target(order.node_id, "ollama"), order.model


def _check_pulled(said: bytes, target: Target) -> None:
    """Ollama ends a pull that went well with this one word."""
    try:
        status = msgspec.json.decode(said, type=_Said).status
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        status = None
    if status != "success":
        raise NodeFailure(
            f"{target.engine} on {target.node_id} did not complete the pull", said=engine_error_text(said)
        )


def _done(target: Target, model: str, word: str) -> web.Response:
    log.info(
        "%s was %s on %s", model, word, target.node_id, extra={"node_id": target.node_id, "model": model}
    )
    return answer({"ok": True, "node_id": target.node_id, "model": model, "status": "success"})
