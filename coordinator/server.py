"""Requests and who answers them: every answer has a request id, every error its caller's dialect."""

import logging
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from coordinator.access.gate import Gate
from coordinator.access.routes import Route, route_of, unknown
from coordinator.access.under_keys import UnderKeys
from coordinator.dialects.bodies import Bodies
from coordinator.dialects.body import read_body
from coordinator.dialects.dialect import Dialect
from coordinator.joining.beginning import Joining
from coordinator.members import Members
from coordinator.requests import (
    JSON,
    REQUEST_ID,
    CallerRequest,
    Headers,
    Identities,
    caller_of,
    signed,
)
from coordinator.status import StatusReader
from coordinator.web_application import WebApplication
from shared import __version__
from shared.errors import (
    BodyTooLarge,
    CallerFault,
    CrashesEngines,
    FleetError,
    Forbidden,
    HeadersTooLarge,
    MethodNotAllowed,
    ModelNotFound,
    NoAccess,
    Unavailable,
)
from shared.http1.exchange import Exchange
from shared.http1.faults import BadMessage, HttpFault
from shared.http1.heads import Header, RequestHead
from shared.http1.limits import Limits
from shared.http1.server import Server as HttpServer
from shared.names import acceptable_call_id

PARSER_FACTOR = 8
"""Headers are read up to this many times FLEET_HEADER_LIMIT, so that most get a proper answer."""
MOST_HEADERS = 1_000
"""Lines of one request's."""
IDLE_S = 3_600.0
"""Longer than clients and proxies keep a connection (Go 90 s), so that none is closed under a call as it leaves. One
whose other end is gone is found out by its keep-alive probes.
"""

PREFLIGHT = Route("OPTIONS", "", frozenset({"public"}))
"""A browser's question whether an allowed page may ask: no answer to it, only whether there would be one."""

Answers = Callable[[CallerRequest], Awaitable[None]]
Welcome = Callable[[CallerRequest, Route | None], web.Response | None]

log = logging.getLogger("herd.server")


class Server:
    """What callers and agents see, from parts it is given. `dialects`: the first is used for other paths."""

    def __init__(
        self,
        dialects: list[Dialect],
        bodies: Bodies,
        members: Members,
        status: StatusReader,
        further: list[web.RouteDef],
        gate: Gate,
        under_keys: UnderKeys,
        *,
        open_mode: bool,
        coordinator_id: str,
        body_limit: int,
        header_limit: int,
        beat_limit: int,
        header_time_s: float = 10.0,
        per_address: int = 0,
        joining: Joining | None = None,
        welcome: Welcome = lambda _request, _route: None,
    ) -> None:
        """`further`: routes that need nothing of this class. Limits in bytes; `per_address`: connections. `joining`:
        None: nobody speaks TLS. `welcome`: what a stranger is shown in place of a refusal; None: the refusal.
        """
        self._dialects = dialects
        self._bodies = bodies
        self._members = members
        self._status = status
        self._gate = gate
        self._under_keys = under_keys
        self._joining = joining
        self._welcome = welcome
        self._open = open_mode
        self._coordinator_id = coordinator_id
        self._header_limit = header_limit
        self._beat_limit = beat_limit
        self._body_limit = body_limit
        self._header_time_s = header_time_s
        self._per_address = per_address
        self._identities = Identities()
        calls: dict[tuple[str, str], Answers] = {("POST", "/heartbeat"): self.heartbeat}
        for dialect in dialects:
            calls |= dialect.calls()
        self._calls = {
            (method.encode(), path.encode()): (answers, route_of(method, path) or unknown(path))
            for (method, path), answers in calls.items()
        }
        app = web.Application(middlewares=[self._admitted])
        for (method, path), answers in calls.items():
            app.router.add_route(method, path, _routed(answers))
        for dialect in dialects:
            app.add_routes(dialect.routes())
        app.add_routes(
            [
                web.get("/fleet/status", self.fleet_status),
                web.get("/fleet/queue", self.fleet_queue),
                web.get("/health", self.health),
                web.get("/ready", self.ready),
                *further,
            ]
        )
        self._router = app.router
        self._web = WebApplication(app)

    async def start(self) -> HttpServer:
        """That it serves by. Inside a running loop."""
        await self._web.start()
        limits = Limits(
            head=PARSER_FACTOR * self._header_limit,
            headers=MOST_HEADERS,
            head_s=self._header_time_s,
            idle_s=IDLE_S,
            per_address=self._per_address,
        )
        if self._joining is None:
            return HttpServer(self.handle, self._malformed, limits)
        certificates, reception = self._joining
        made = HttpServer(self.handle, self._malformed, limits, tls=certificates.listening)

        def renewed() -> None:
            made.tls = certificates.listening

        certificates.changed.append(renewed)
        reception.removed.append(lambda name: made.cut(lambda peer: peer.name == name))
        return made

    async def close(self) -> None:
        """After the last request."""
        await self._web.close()

    def addresses(self) -> frozenset[tuple[str, str]]:
        """Method and path, as the router writes it, of everything that is answered here."""
        routed = {(each.method, each.resource.canonical) for each in self._router.routes() if each.resource}
        return frozenset(routed | {(method.decode(), path.decode()) for method, path in self._calls})

    async def handle(self, exchange: Exchange) -> None:
        """One request, of whatever kind."""
        request = CallerRequest(exchange, self._identities, self._body_limit)
        try:
            head = exchange.head
            self._check_headers(head)
            if b"origin" in head.fields:
                request.further = self._gate.cors.headers(request.headers.get("Origin"))
            if (call := self._calls.get((head.method, head.path))) is not None:
                answers, route = call
                self._admit(request, route)
                await answers(request)
            elif (told := self._gate.cors.preflight(head)) is not None:
                request.further = told
                self._admit(request, PREFLIGHT)
                request.respond(204, [])
            else:
                await self._web.answer(request)
        except FleetError as error:
            self._refuse(request, error)
        except HttpFault:
            raise  # the connection's to tell
        except Exception:
            log.exception("a fault of ours", extra={"request_id": request.id, "route": request.path})
            self._refuse(request, FleetError("internal error; the coordinator's log has the details"))
        finally:
            self._bodies.release(request)
            if request.principal.key_id:
                self._under_keys.ended(request.principal.key_id, exchange)

    def _admit(self, request: CallerRequest, route: Route) -> None:
        """Raises FleetError."""
        exchange = request.exchange
        node = self._joining.reception.node_of(exchange.certified) if self._joining is not None else None
        request.principal = self._gate.admit(exchange.head, exchange.peer, route, node)
        if request.principal.key_id:
            self._under_keys.begun(request.principal.key_id, exchange)

    @web.middleware
    async def _admitted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Judged by what aiohttp's router made of the path: no spelling of it leads past its row."""
        resource = request.match_info.route.resource
        row = None if resource is None else route_of(request.method, resource.canonical)
        caller = caller_of(request)
        try:
            self._admit(caller, row or unknown(request.path))
        except NoAccess:
            if (page := self._welcome(caller, row)) is None:
                raise
            return page
        return await handler(request)

    async def heartbeat(self, request: CallerRequest) -> None:
        """POST /heartbeat, from an agent."""
        if request.headers.get("Origin") is not None:
            raise Forbidden("a heartbeat comes from an agent, not from a web page")
        body = await read_body(request)
        if len(body) > self._beat_limit:
            raise BodyTooLarge(f"the heartbeat is larger than {self._beat_limit} bytes (FLEET_BEAT_LIMIT)")
        reply = self._members.heard(body, request.exchange.peer, request.exchange.certified)
        request.respond(200, [JSON], msgspec.json.encode(reply))

    async def fleet_status(self, _request: web.Request) -> web.Response:
        """GET /fleet/status"""
        return web.Response(body=await self._status.encoded(), content_type="application/json")

    async def fleet_queue(self, _request: web.Request) -> web.Response:
        """GET /fleet/queue"""
        return _json(self._status.queue())

    async def health(self, _request: web.Request) -> web.Response:
        """GET /health, the one thing that everybody is told: this process answers; by the id an agent knows its
        coordinator at whatever address; whether there is a door to knock at.
        """
        told = {"status": "ok", "version": __version__, "coordinator_id": self._coordinator_id}
        return _json(told | {"open": self._open})

    async def ready(self, _request: web.Request) -> web.Response:
        """GET /ready: some node would be given a call."""
        nodes = self._status.callable_nodes()
        if not nodes:
            raise Unavailable("no node can be given a call yet", retry_after=2)
        return _json({"status": "ready", "nodes": nodes})

    def _check_headers(self, head: RequestHead) -> None:
        if head.size > self._header_limit:
            raise HeadersTooLarge(
                f"the headers are larger than {self._header_limit} bytes (FLEET_HEADER_LIMIT)"
            )

    def _refuse(self, request: CallerRequest, error: FleetError) -> None:
        exchange = request.exchange
        if exchange.ended:
            return
        if exchange.status:  # a second status line inside a body would be taken for the body: better none
            exchange.abort()
            return
        if isinstance(error, ModelNotFound) and request.principal.models is not None:
            error = ModelNotFound(error.without_hint)
        headers = [JSON]
        if error.retry_after is not None or error.status in (429, 503):
            headers.append((b"Retry-After", b"%d" % (error.retry_after or 1)))
        if isinstance(error, CrashesEngines):
            headers.append((b"X-Should-Retry", b"false"))  # OpenAI's clients would try a 502 again
        if isinstance(error, NoAccess):
            headers.append((b"WWW-Authenticate", b'Bearer realm="herd"'))
        if isinstance(error, MethodNotAllowed):
            headers.append((b"Allow", error.allowed.encode()))
        request.respond(error.status, headers, self._dialect(request.path).error_body(error))

    def _malformed(self, fault: BadMessage, head: RequestHead | None) -> tuple[list[Header], bytes]:
        """Of what is no request, or none that is complete."""
        error: FleetError = CallerFault(str(fault)) if fault.status < 500 else FleetError(str(fault))
        if fault.status == 431:
            error = HeadersTooLarge(str(fault))
        path, told = (head.path.decode("latin-1"), Headers(head)) if head is not None else ("", None)
        known = acceptable_call_id(told.get(REQUEST_ID)) if told is not None else None
        headers = signed([JSON], known or self._identities.new())
        return headers, self._dialect(path).error_body(error)

    def _dialect(self, path: str) -> Dialect:
        return next((each for each in self._dialects if path.startswith(each.prefix)), self._dialects[0])


def _routed(answers: Answers) -> Handler:
    """For aiohttp's router, which knows other spellings of a path, and which methods it has."""

    async def answer(request: web.Request) -> web.StreamResponse:
        await answers(caller_of(request))
        return web.Response()  # goes nowhere

    return answer


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
