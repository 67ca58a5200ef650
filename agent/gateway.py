"""The node's one network door: relays calls to engines on loopback, for its coordinator only, and drains."""

import asyncio
import hmac
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import msgspec

from agent.engine_calls import EngineAnswer, EngineCalls
from agent.engines.engine import Carriage, Engine, EngineError, ErrorAnswer
from agent.engines.turn import Moved
from agent.passed_headers import passed, with_type
from agent.refusals import JSON, malformed, refusal
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
from shared.http1.exchange import Exchange
from shared.http1.heads import RequestHead
from shared.http1.limits import Limits
from shared.http1.server import Server

WHOLE_BODY = 2**20
"""Bytes. A longer body goes to the engine in pieces as it comes."""
HEAD_LIMIT = 256 * 2**10
KEPT_FOR_S = 75.0
"""Longer than the coordinator pools its connections, so that a pooled one is never closed under a call."""
DOORS = 512
"""Connections of strangers, who can only begin TLS here: many systems let a program have 1,024 files open."""
STREAMS = ("application/x-ndjson", "text/event-stream")
ENGINES = b"/engines/"

log = logging.getLogger("herd-node.gateway")


class _Relayed:
    """A call under way."""

    __slots__ = ("exchange", "streamed")

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.streamed = False
        """Where the answer has begun: whether callers see parts of it, too, or only the whole."""


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

    def server(self) -> Server:
        """That it serves by. Inside a running loop."""
        return Server(self.handle, malformed, Limits(head=HEAD_LIMIT, idle_s=KEPT_FOR_S, doors=DOORS))

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

    async def handle(self, exchange: Exchange) -> None:
        """One request: GET /health, which the coordinator probes, or /engines/NAME/PATH."""
        try:
            self._check(exchange.head)
            if exchange.head.path.startswith(ENGINES):
                await self._relay(exchange)
            elif exchange.head.path == b"/health" and exchange.head.method == b"GET":
                self._health(exchange)
            else:
                raise RouteNotFound("no such path")
        except FleetError as error:
            if exchange.status:  # it cannot be said any more
                exchange.abort()
            else:
                exchange.respond(*refusal(error))

    def _health(self, exchange: Exchange) -> None:
        told = {"node_id": self._node_id, "draining": self.draining, "running": self.running}
        exchange.respond(200, [JSON], msgspec.json.encode(told))

    async def _relay(self, exchange: Exchange) -> None:
        """Bytes there, bytes back. Raises FleetError before the engine has answered."""
        name, _, rest = exchange.head.path.removeprefix(ENGINES).decode("latin-1").partition("/")
        path = f"/{rest}"
        asked = f"{exchange.head.method.decode()} {path}"
        engine = self._engines.get(name)
        if engine is None or asked not in engine.paths:
            raise RouteNotFound("no such engine or path")
        if self.draining:
            raise Draining("this node is draining", retry_after=1)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - handlers run in tasks
        call = _Relayed(exchange)
        self._calls.add(task)
        self.begun[engine.name] += 1
        self._idle.clear()
        try:
            async with self._engines.using(engine.name) as engine:
                if (known := engine.told(asked)) is not None:
                    exchange.respond(200, [JSON], known)
                    return
                async with engine.turn() as moved:
                    await self._pass_on(call, engine, path, moved)
        except ErrorAnswer as error:
            exchange.respond(error.status, [JSON], error.body)
        except asyncio.CancelledError:
            if task not in self._cut or task.uncancel():
                raise  # the caller left
            self._cut_off(call)
        finally:
            engine.relayed(path)
            self._calls.discard(task)
            self._cut.discard(task)
            self.ended[engine.name] += 1
            if not self._calls:
                self._idle.set()

    def _cut_off(self, call: _Relayed) -> None:
        if not call.exchange.status:
            raise Draining("this node is drained, and the call had its time", retry_after=1) from None
        self.cut_calls += call.streamed  # else it may still be had elsewhere
        call.exchange.abort()  # so that the coordinator does not take the part for the whole

    async def _pass_on(self, call: _Relayed, engine: Engine, path: str, moved: Moved) -> None:
        if (url := engine.url) is None:
            raise GatewayUnreachable(f"engine {engine.name} is not up")
        exchange, carriage = call.exchange, None
        length = exchange.head.fields.get(b"content-length")
        body: bytes | AsyncIterator[bytes]
        if path in engine.reshaped:
            body = await _fitted(engine, path, await exchange.body(self._body_limit))
            if carriage := engine.carriage(path, body):
                body = carriage.body
        elif exchange.inflow.ended or (length is not None and int(length) <= WHOLE_BODY):
            body = await exchange.body(WHOLE_BODY)
        else:
            body = _pieces(exchange)
        answer = await self._to_engines.ask(
            exchange.head.method,
            *(url, path.encode(), passed(exchange.head, engine.headers), body),
            int(length) if length is not None else None,
        )
        try:
            if answer.head.status >= 300:
                await self._fault(exchange, engine, answer)
            elif carriage is not None and carriage.content_type is not None:
                await self._put_together(exchange, answer, carriage, carriage.content_type, moved)
            else:
                await self._copy(call, engine, answer, carriage, path, moved)
        finally:
            answer.close()  # before its end this ends the engine's work; after it, it does nothing

    async def _fault(self, exchange: Exchange, engine: Engine, answer: EngineAnswer) -> None:
        said = await answer.whole()
        status, body = engine.true_fault(answer.head.status, said)
        headers = passed(answer.head)
        exchange.respond(status, headers if body == said else with_type(headers, JSON), body)

    async def _put_together(
        self, exchange: Exchange, answer: EngineAnswer, carriage: Carriage, content_type: str, moved: Moved
    ) -> None:
        while chunk := await answer.read():
            moved()
            _fed(carriage, chunk)
        exchange.respond(200, [(b"Content-Type", content_type.encode())], _fed(carriage, b"", last=True))

    async def _copy(
        self,
        call: _Relayed,
        engine: Engine,
        answer: EngineAnswer,
        carriage: Carriage | None,
        path: str,
        moved: Moved,
    ) -> None:
        def through(chunk: bytes) -> bytes:
            moved()
            return carriage.feed(chunk) if carriage else chunk

        exchange, headers = call.exchange, passed(answer.head)
        if (body := answer.come()) is not None:  # no need for two writes
            moved()
            if carriage is not None:
                body = _fed(carriage, body, last=True)
            await self._tell_change(engine, path)
            exchange.respond(answer.head.status, headers, body)
            return
        # With its length known, an answer is over before its last write.
        length_is_known = answer.length is not None
        if length_is_known:
            await self._tell_change(engine, path)
        call.streamed = answer.kind in STREAMS
        exchange.start(answer.head.status, headers, None if carriage else answer.length)
        exchange.send_head()
        try:
            await answer.pass_on(exchange, through)
            rest = carriage.finish() if carriage else b""
        except (StreamBroken, EngineError) as error:  # no words of the engine, which may repeat a prompt
            log.warning("engine %s broke off its answer: %s", engine.name, type(error).__name__)
            exchange.abort()  # so that the coordinator does not take the part for the whole
            return
        if not length_is_known:
            await self._tell_change(engine, path)
        exchange.end(rest)

    async def _tell_change(self, engine: Engine, path: str) -> None:
        """Whoever pulled a model may ask for it with the next breath: the coordinator has to know it by then."""
        if engine.relayed(path):
            await self._announce()

    def _check(self, head: RequestHead) -> None:
        if not hmac.compare_digest(head.get(b"authorization"), self._expected):
            raise NoAccess("this gateway serves its own coordinator only")
        if int(head.get(b"content-length", b"0")) > self._body_limit:
            raise BodyTooLarge(f"the body is larger than {self._body_limit} bytes (FLEET_NODE_BODY_LIMIT)")


async def _fitted(engine: Engine, path: str, body: bytes) -> bytes:
    try:
        return await engine.fitted(path, body)
    except ErrorAnswer:
        raise
    except EngineError as error:
        raise GatewayUnreachable(f"the engine gave no answer: {error}") from error


def _fed(carriage: Carriage, chunk: bytes, *, last: bool = False) -> bytes:
    """What comes of it, as long as the caller has seen nothing. Raises ErrorAnswer, StreamBroken."""
    try:
        out = carriage.feed(chunk) if chunk else b""
        return out + carriage.finish() if last else out
    except ErrorAnswer:
        raise
    except EngineError as error:
        raise StreamBroken(f"the engine broke off its answer: {error}") from error


async def _pieces(exchange: Exchange) -> AsyncIterator[bytes]:
    """Of a body as it comes."""
    while data := await exchange.read():
        yield data
