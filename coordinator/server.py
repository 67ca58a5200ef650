"""Routes and middleware: every answer has a request id, every error its caller's dialect."""

import logging

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from coordinator.dialects.bodies import Bodies
from coordinator.dialects.body import read_body
from coordinator.dialects.dialect import Dialect
from coordinator.journal import CALLER_LEFT
from coordinator.members import Members
from coordinator.requests import BEGUN, REQUEST_ID, identify
from coordinator.status import StatusReader
from shared import __version__
from shared.errors import (
    BodyTooLarge,
    CallerFault,
    CrashesEngines,
    FleetError,
    HeadersTooLarge,
    MethodNotAllowed,
    RouteNotFound,
    Unavailable,
)
from shared.sockets import peer_host

log = logging.getLogger("herd.server")


class Server:
    """The coordinator's web application, from parts it is given. `dialects`: the first is used for other paths."""

    def __init__(
        self,
        dialects: list[Dialect],
        bodies: Bodies,
        members: Members,
        status: StatusReader,
        further: list[web.RouteDef],
        *,
        coordinator_id: str,
        body_limit: int,
        header_limit: int,
        beat_limit: int,
    ) -> None:
        """`further`: routes that need nothing of this class. Limits in bytes."""
        self._dialects = dialects
        self._bodies = bodies
        self._members = members
        self._status = status
        self._coordinator_id = coordinator_id
        self._header_limit = header_limit
        self._beat_limit = beat_limit
        self.app = web.Application(client_max_size=body_limit, middlewares=[self._answer_honestly()])
        self.app.on_response_prepare.append(_mark)
        for dialect in dialects:
            self.app.add_routes(dialect.routes())
        self.app.add_routes(
            [
                web.post("/heartbeat", self.heartbeat),
                web.get("/fleet/status", self.fleet_status),
                web.get("/fleet/queue", self.fleet_queue),
                web.get("/health", self.health),
                web.get("/ready", self.ready),
                *further,
            ]
        )

    async def heartbeat(self, request: web.Request) -> web.Response:
        """POST /heartbeat, from an agent."""
        if request.content_type != "application/json" or "Origin" in request.headers:
            raise CallerFault("a heartbeat is JSON from an agent, not from a web page")
        body = await read_body(request)
        if len(body) > self._beat_limit:
            raise BodyTooLarge(f"the heartbeat is larger than {self._beat_limit} bytes (FLEET_BEAT_LIMIT)")
        return _json(self._members.heard(body, peer_host(request.transport)))

    async def fleet_status(self, _request: web.Request) -> web.Response:
        """GET /fleet/status"""
        return web.Response(body=await self._status.encoded(), content_type="application/json")

    async def fleet_queue(self, _request: web.Request) -> web.Response:
        """GET /fleet/queue"""
        return _json(self._status.queue())

    async def health(self, _request: web.Request) -> web.Response:
        """GET /health: this process answers; by the id an agent knows its coordinator at whatever address."""
        return _json({"status": "ok", "version": __version__, "coordinator_id": self._coordinator_id})

    async def ready(self, _request: web.Request) -> web.Response:
        """GET /ready: some node would be given a call."""
        nodes = self._status.callable_nodes()
        if not nodes:
            raise Unavailable("no node can be given a call yet", retry_after=2)
        return _json({"status": "ready", "nodes": nodes})

    def _answer_honestly(self) -> Middleware:
        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            identify(request)
            try:
                self._check_headers(request)
                return await handler(request)
            except FleetError as error:
                _stop_if_begun(request)
                return self._error(request, error)
            except web.HTTPMethodNotAllowed as error:
                allowed = ", ".join(sorted(error.allowed_methods))
                message = f"{request.method} is not allowed for {request.path}"
                return self._error(request, MethodNotAllowed(message, allowed=allowed))
            except web.HTTPNotFound:
                return self._error(request, RouteNotFound(f"no such address: {_short(request.path)}"))
            except ConnectionResetError:
                if request.transport is not None and not request.transport.is_closing():
                    raise
                return web.Response(status=CALLER_LEFT)  # nobody gets it, and nothing went wrong here
            except Exception:
                log.exception(
                    "a fault of ours", extra={"request_id": identify(request), "route": request.path}
                )
                _stop_if_begun(request)
                return self._error(
                    request, FleetError("internal error; the coordinator's log has the details")
                )
            finally:
                self._bodies.release(request)

        return middleware

    def _check_headers(self, request: web.Request) -> None:
        size = sum(len(name) + len(value) + 4 for name, value in request.raw_headers)
        if size > self._header_limit:
            raise HeadersTooLarge(
                f"the headers are larger than {self._header_limit} bytes (FLEET_HEADER_LIMIT)"
            )

    def _error(self, request: web.Request, error: FleetError) -> web.Response:
        dialect = next(
            (each for each in self._dialects if request.path.startswith(each.prefix)), self._dialects[0]
        )
        headers = {}
        if error.retry_after is not None or error.status in (429, 503):
            headers["Retry-After"] = str(error.retry_after or 1)
        if isinstance(error, CrashesEngines):
            headers["X-Should-Retry"] = "false"  # OpenAI's clients would try a 502 again by themselves
        if isinstance(error, MethodNotAllowed):
            headers["Allow"] = error.allowed
        return web.Response(
            status=error.status,
            body=dialect.error_body(error),
            content_type="application/json",
            headers=headers,
        )


def _stop_if_begun(request: web.Request) -> None:
    """A second status line inside a body would be taken for the body: better none."""
    if request.get(BEGUN):
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the answer had begun")


async def _mark(request: web.Request, response: web.StreamResponse) -> None:
    request[BEGUN] = True
    response.headers[REQUEST_ID] = identify(request)
    response.headers["Server"] = f"herd/{__version__}"


def _short(path: str) -> str:
    return path if len(path) <= 200 else f"{path[:200]}..."


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
