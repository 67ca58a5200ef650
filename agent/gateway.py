"""The node's one network door: relays calls to engines on loopback, for its coordinator only, and drains."""

import asyncio
import hmac
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from agent.engine_calls import EngineAnswer, EngineCalls
from agent.engines.engine import Carriage, Engine, EngineError, ErrorAnswer
from agent.engines.turn import Moved
from agent.passed_headers import passed
from agent.refusals import refusal
from agent.swapping.roster import Roster
from shared.errors import (
    BodyTooLarge,
    Draining,
    FleetError,
    GatewayUnreachable,
    NoAccess,
    RouteNotFound,
    StreamBroken,
)

WHOLE_BODY = 2**20
"""Bytes. A longer body goes to the engine in pieces as it comes."""

STREAMED = web.RequestKey("herd_node_streamed", bool)
"""Set where the coordinator may have seen a part of the answer: whether callers see parts, too, or only the whole."""
STREAMS = ("application/x-ndjson", "text/event-stream")

log = logging.getLogger("herd-node.gateway")


class Gateway:
    """`secret` is what the coordinator was told in the beat. Engines are asked on loopback only."""

    def __init__(
        self,
        node_id: str,
        secret: str,
        engines: Roster,
        calls: EngineCalls,
        body_limit: int,
        announce: Callable[[], Awaitable[None]],
    ) -> None:
        """`announce` tells the coordinator how this node stands now, and returns once it knows."""
        self.set_aside = False
        """Whether a person of this machine wants no new calls here."""
        self.cut_calls = 0
        """Streams that `cut` broke off, since the start."""
        self.begun: Counter[str] = Counter()
        """Calls taken, by engine."""
        self.ended: Counter[str] = Counter()
        """Of these."""
        self._stopping = False
        self._node_id = node_id
        self._expected = f"Bearer {secret}".encode()
        self._engines = engines
        self._to_engines = calls
        self._body_limit = body_limit
        self._announce = announce
        self._calls: set[asyncio.Task[object]] = set()
        self._cut: set[asyncio.Task[object]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.app = web.Application(client_max_size=body_limit, middlewares=[self._guarded()])
        self.app.add_routes(
            [web.get("/health", self.health), web.route("*", "/engines/{engine}/{path:.*}", self.relay)]
        )

    @property
    def running(self) -> int:
        """Calls being relayed now."""
        return len(self._calls)

    @property
    def draining(self) -> bool:
        """Whether new calls are refused."""
        return self._stopping or self.set_aside

    async def drain(self, timeout_s: float) -> bool:
        """Takes no new calls ever again; waits until the running ones have ended. False: some still run."""
        self._stopping = True
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def cut(self, only: Iterable[asyncio.Task[object]] | None = None) -> None:
        """Ends what still runs, or of that only these: the coordinator may try elsewhere what has no byte yet, and is
        told of the rest.
        """
        for task in (self._calls if only is None else self._calls & set(only)) - self._cut:
            self._cut.add(task)
            task.cancel()

    async def health(self, _request: web.Request) -> web.Response:
        """GET /health: what the coordinator probes."""
        return web.json_response(
            {"node_id": self._node_id, "draining": self.draining, "running": self.running}
        )

    async def relay(self, request: web.Request) -> web.StreamResponse:
        """/engines/NAME/PATH: bytes there, bytes back. Raises FleetError before the engine has answered."""
        engine = self._engines.get(request.match_info["engine"])
        path = "/" + request.match_info["path"]
        if engine is None or f"{request.method} {path}" not in engine.paths:
            raise RouteNotFound("no such engine or path")
        if self.draining:
            raise Draining("this node is draining", retry_after=1)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - handlers run in tasks
        self._calls.add(task)
        self.begun[engine.name] += 1
        self._idle.clear()
        try:
            async with self._engines.using(engine.name) as engine:
                if (known := engine.told(f"{request.method} {path}")) is not None:
                    return web.Response(body=known, content_type="application/json")
                async with engine.turn() as moved:
                    return await self._pass_on(request, engine, path, moved)
        except ErrorAnswer as error:
            return web.Response(status=error.status, body=error.body, content_type="application/json")
        except asyncio.CancelledError:
            if task not in self._cut or task.uncancel():
                raise  # the caller left
            raise self._cut_off(request) from None
        finally:
            engine.relayed(path)
            self._calls.discard(task)
            self._cut.discard(task)
            self.ended[engine.name] += 1
            if not self._calls:
                self._idle.set()

    def _cut_off(self, request: web.Request) -> Exception:
        streamed = request.get(STREAMED)
        if streamed is None:
            return Draining("this node is drained, and the call had its time", retry_after=1)
        self.cut_calls += streamed  # else it may still be had elsewhere
        if request.transport is not None:
            request.transport.abort()  # so that the coordinator does not take the part for the whole
        return ConnectionResetError("the answer was cut")

    async def _pass_on(
        self, request: web.Request, engine: Engine, path: str, moved: Moved
    ) -> web.StreamResponse:
        if (url := engine.url) is None:
            raise GatewayUnreachable(f"engine {engine.name} is not up")
        headers = {**passed(request.headers), **engine.headers}
        carriage = None
        sent: bytes | AsyncIterator[bytes] = b""
        length = request.content_length
        if path in engine.reshaped:
            sent = await _fitted(engine, path, await request.read())
            if carriage := engine.carriage(path, sent):
                sent = carriage.body
        elif length is not None and length <= WHOLE_BODY:
            sent = await request.read()
        elif request.body_exists:
            sent = _pieces(request)
        response = await self._to_engines.ask(request.method, url, path, headers, sent, length)
        try:
            if response.status >= 300:
                return await self._fault(engine, response)
            if carriage is not None and carriage.content_type is not None:
                return await self._put_together(response, carriage, carriage.content_type, moved)
            return await self._copy(request, engine, response, carriage, path, moved)
        finally:
            response.close()  # before its end this ends the engine's work; after it, it does nothing

    async def _fault(self, engine: Engine, response: EngineAnswer) -> web.Response:
        said = await response.whole()
        status, body = engine.true_fault(response.status, said)
        headers = passed(response.headers)
        if body != said:
            headers[hdrs.CONTENT_TYPE] = "application/json"
        headers.pop(hdrs.CONTENT_LENGTH, None)
        return web.Response(status=status, body=body, headers=headers)

    async def _put_together(
        self, response: EngineAnswer, carriage: Carriage, content_type: str, moved: Moved
    ) -> web.Response:
        try:
            while chunk := await response.read():
                moved()
                carriage.feed(chunk)
            body = carriage.finish()
        except ErrorAnswer:
            raise
        except EngineError as error:
            raise StreamBroken(f"the engine broke off its answer: {error}") from error
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})

    async def _copy(
        self,
        request: web.Request,
        engine: Engine,
        response: EngineAnswer,
        carriage: Carriage | None,
        path: str,
        moved: Moved,
    ) -> web.StreamResponse:
        answer = web.StreamResponse(status=response.status, headers=passed(response.headers))
        # With its length known, an answer is over before its last write.
        length_is_known = response.length is not None
        if length_is_known:
            await self._tell_change(engine, path)
        request[STREAMED] = response.kind in STREAMS
        await answer.prepare(request)
        try:
            while out := await _next(response, carriage, moved):
                await answer.write(out)
        except EngineError as error:
            log.warning("engine %s broke off its answer: %s", engine.name, error)
            if request.transport is not None:
                request.transport.abort()  # so that the coordinator does not take the part for the whole
            return answer
        if not length_is_known:
            await self._tell_change(engine, path)
        await answer.write_eof()
        return answer

    async def _tell_change(self, engine: Engine, path: str) -> None:
        """Whoever pulled a model may ask for it with the next breath: the coordinator has to know it by then."""
        if engine.relayed(path):
            await self._announce()

    def _guarded(self) -> Middleware:
        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                self._check(request)
                return await handler(request)
            except FleetError as error:
                return refusal(error)
            except (web.HTTPException, ConnectionError):
                raise  # no such route, or the coordinator has gone
            except Exception:
                log.exception("a fault of ours")
                raise

        return middleware

    def _check(self, request: web.Request) -> None:
        shown = request.headers.get(hdrs.AUTHORIZATION, "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(shown, self._expected):
            raise NoAccess("this gateway serves its own coordinator only")
        if (request.content_length or 0) > self._body_limit:
            raise BodyTooLarge(f"the body is larger than {self._body_limit} bytes (FLEET_NODE_BODY_LIMIT)")


async def _fitted(engine: Engine, path: str, body: bytes) -> bytes:
    try:
        return await engine.fitted(path, body)
    except ErrorAnswer:
        raise
    except EngineError as error:
        raise GatewayUnreachable(f"the engine gave no answer: {error}") from error


async def _pieces(request: web.Request) -> AsyncIterator[bytes]:
    """Of a body as it comes. Raises StreamBroken where it stops short: the engine may have worked on what came."""
    try:
        async for data in request.content.iter_any():
            yield data
    except (web.RequestPayloadError, OSError) as error:
        raise StreamBroken("the call broke off within its body") from error


async def _next(response: EngineAnswer, carriage: Carriage | None, moved: Moved) -> bytes:
    """What can be passed on next; empty at the end. Raises EngineError where the answer stops short.

    The error names no words of the engine, which may repeat a prompt.
    """
    try:
        while chunk := await response.read():
            moved()
            if out := carriage.feed(chunk) if carriage else chunk:
                return out
        return carriage.finish() if carriage else b""
    except (StreamBroken, EngineError) as error:
        raise EngineError(type(error).__name__) from error
