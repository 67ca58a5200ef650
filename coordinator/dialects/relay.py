"""One call out and its answer back to the caller: headers, bytes, and an honest end."""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from coordinator.access.allowances import Allowances
from coordinator.answer import Answer
from coordinator.core import context
from coordinator.core.call import Call, Placement
from coordinator.dialects.callers import Callers
from coordinator.dialects.counts import tokens_of
from coordinator.dialects.dialect import Decoder, Dialect, Exchange
from coordinator.dialects.meter import begun
from coordinator.dispatch import Dispatcher
from coordinator.engine_faults import engine_error_text
from coordinator.requests import REQUEST_ID, CallerRequest
from shared.errors import EngineFault, FleetError, NodeFailure, StreamBroken
from shared.frames import Frames
from shared.http1.exchange import Exchange as HttpExchange
from shared.http1.heads import Header, ResponseHead
from shared.http1.inflow import Sink
from shared.http1.inflow import Source as Flow

PASSED_ON = ("traceparent", "tracestate")
"""Request headers that go on to the engine."""
_TEXT = ("utf-8", "surrogateescape")

NOT_RELAYED = frozenset(
    (
        *(b"connection", b"keep-alive", b"transfer-encoding", b"content-length"),
        *(b"date", b"server", b"set-cookie", b"x-request-id"),
        *(b"location", b"refresh", b"link", b"alt-svc", b"clear-site-data", b"strict-transport-security"),
        *(b"www-authenticate", b"proxy-authenticate", b"service-worker-allowed", b"content-security-policy"),
    )
)
"""Headers of an engine's answer that mean nothing to the caller, or would speak for this address in its browser."""
NOT_STREAMED = NOT_RELAYED | {b"cache-control", b"x-accel-buffering"}
"""Likewise; of a stream they are said here."""
_TYPE = frozenset((b"content-type",))
_JSON = (b"Content-Type", b"application/json; charset=utf-8")
_UNSTORED: tuple[Header, ...] = ((b"Cache-Control", b"no-cache"), (b"X-Accel-Buffering", b"no"))


class Relay:
    """Shared by the dialects; limits in bytes, for one frame of a stream and for an answer that must be had whole."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        callers: Callers,
        allowances: Allowances,
        frame_limit: int,
        whole_limit: int,
    ) -> None:
        self.callers = callers
        self._allowances = allowances
        self._dispatcher = dispatcher
        self._frame_limit = frame_limit
        self._whole_limit = whole_limit

    async def serve(self, request: CallerRequest, dialect: Dialect, exchange: Exchange) -> None:
        """The whole way. Raises FleetError as long as the caller has been sent nothing."""
        with begun(self._allowances, request, exchange.call) as meter:
            answer = await self._dispatcher.answer(exchange.call, exchange.encode)
            meter.answered(answer)
            await self._answered(request, dialect, exchange, answer)

    async def _answered(
        self, request: CallerRequest, dialect: Dialect, exchange: Exchange, answer: Answer
    ) -> None:
        async with answer:
            decoder = exchange.decoder(answer.placement)
            if answer.status >= 400:
                await self._fault(request, answer, exchange, translated=decoder is not None)
            elif exchange.stream:
                await self._stream(request, dialect, answer, exchange, decoder)
            elif decoder is not None:
                await self._decoded(request, answer, exchange, decoder)
            else:
                await self._whole(request, answer, exchange)

    async def _fault(
        self, request: CallerRequest, answer: Answer, exchange: Exchange, *, translated: bool
    ) -> None:
        """The engine found fault with the call: its own words and status, in the caller's dialect."""
        body = await read_whole(answer, self._whole_limit)
        if translated or not _is_json(body):  # "404 page not found", say
            raise EngineFault(engine_error_text(body), status=answer.status)
        await _given(request, answer, _headers(answer, exchange), body)

    async def _decoded(
        self, request: CallerRequest, answer: Answer, exchange: Exchange, decoder: Decoder
    ) -> None:
        headers = [*_headers(answer, exchange, NOT_RELAYED | _TYPE), _JSON]
        body = await read_whole(answer, self._whole_limit)
        answer.count(tokens_of([body]))
        await _given(request, answer, headers, decoder.whole(body))

    async def _whole(self, request: CallerRequest, answer: Answer, exchange: Exchange) -> None:
        headers = _headers(answer, exchange)
        if (body := answer.come()) is not None:
            answer.count(tokens_of([body]))
            await _given(request, answer, headers, body)
            return
        # Longer than the buffer: it comes in pieces and tells nothing of its tokens.
        length = answer.head.fields.get(b"content-length")
        request.start(answer.status, headers, int(length) if length is not None else None)
        try:
            while chunk := await answer.read():
                request.exchange.write(chunk)
                await request.exchange.drain()
        except FleetError as error:
            # Part of it has been sent: a body cut short must not look complete.
            answer.failed(error)
            request.exchange.abort()
            return
        request.exchange.end()

    async def _stream(
        self,
        request: CallerRequest,
        dialect: Dialect,
        answer: Answer,
        exchange: Exchange,
        decoder: Decoder | None,
    ) -> None:
        if decoder is None:
            headers = _headers(answer, exchange, NOT_STREAMED)
        else:
            headers = _headers(answer, exchange, NOT_STREAMED | _TYPE)
            headers.append((b"Content-Type", dialect.stream_type.encode()))
        frames = dialect.frames(self._frame_limit)
        stream = Stream(frames, headers, dialect.stream_error, dialect.ended_well)
        try:
            await stream.copy(request, answer, decoder)
        finally:
            ends = decoder.ends() if decoder is not None else ()
            answer.count(tokens_of([*ends, frames.last, frames.previous]))


async def _given(request: CallerRequest, answer: Answer, headers: list[Header], body: bytes) -> None:
    """All of it in one write; the call ends once the caller has taken all but a little."""
    request.start(answer.status, headers, len(body))
    request.exchange.write(body)
    await request.exchange.drain()
    request.exchange.end()


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


class Source(Flow, Protocol):
    """Where a stream's bytes come from: an Answer, or an EngineReply that takes no place. Held, it sends no more."""

    status: int

    async def read(self) -> bytes:
        """The next bytes; empty at the end. Raises FleetError where they stop short."""
        ...

    async def pour(self, sink: Sink) -> None:
        """All of them into `sink`, as they come. Raises what it raises, and as `read`."""
        ...

    def failed(self, error: FleetError) -> None:
        """The caller is being told of `error`."""
        ...


class Stream:
    """One streamed answer: whole frames, backpressure, an error after a break."""

    def __init__(
        self,
        frames: Frames,
        headers: list[Header],
        stream_error: Callable[[FleetError], bytes],
        ended_well: Callable[[bytes], bool],
    ) -> None:
        """`ended_well`: whether a stream whose last frame is this one is complete. `headers` without NOT_STREAMED."""
        self._frames = frames
        self._headers = (*headers, *_UNSTORED)
        self._stream_error = stream_error
        self._ended_well = ended_well

    async def copy(self, request: CallerRequest, source: Source, decoder: Decoder | None = None) -> None:
        """To the caller, to its end."""
        exchange = request.exchange
        request.start(source.status, self._headers)
        try:
            if decoder is None:
                await self._spliced(source, exchange)
            else:
                await self._decoded(source, exchange, decoder)
            last = self._rest()
        except FleetError as error:
            source.failed(error)
            last = self._stream_error(error)
        exchange.end(last)

    async def _spliced(self, source: Source, exchange: HttpExchange) -> None:
        """No task wakes for a piece: who brings it writes it."""
        feed = self._frames.feed

        def sink(chunk: bytes, _last: bool) -> None:
            if chunk and (out := feed(chunk)):
                exchange.write(out)

        exchange.push_back(source)
        try:
            await source.pour(sink)
        finally:
            exchange.push_back(None)
        await exchange.drain()

    async def _decoded(self, source: Source, exchange: HttpExchange, decoder: Decoder) -> None:
        frames = self._frames
        while chunk := await source.read():
            if out := frames.feed(decoder.feed(chunk)):
                exchange.write(out)
                await exchange.drain()
        if out := frames.feed(decoder.finish()):
            exchange.write(out)
            await exchange.drain()

    def _rest(self) -> bytes:
        """Raises StreamBroken where the stream may not end here."""
        rest = self._frames.rest()
        if not self._frames.in_pieces and not self._ended_well(self._frames.last):
            raise StreamBroken("the engine ended its answer before it was complete")
        return rest


async def read_whole(source: Source, limit: int) -> bytes:
    """All of an answer. Raises NodeFailure where it has more than `limit` bytes."""
    whole = bytearray()
    while chunk := await source.read():
        whole += chunk
        if len(whole) > limit:
            raise NodeFailure(f"the engine's answer is larger than {limit} bytes")
    return bytes(whole)


def _headers(answer: Answer, exchange: Exchange, drop: frozenset[bytes] = NOT_RELAYED) -> list[Header]:
    """The engine's own headers but for `drop`, and what really happened."""
    headers = relayed(answer.head, drop)
    headers += fleet_headers(exchange.call, answer.placement)
    if answer.context:
        headers.append((b"X-Fleet-Context", answer.context.encode(*_TEXT)))
    return headers


def relayed(head: ResponseHead, drop: frozenset[bytes] = NOT_RELAYED) -> list[Header]:
    """An engine's headers that mean something to the caller."""
    return [
        header
        for header in head.headers
        if (name := header[0].lower()) not in drop
        and not name.startswith((b"x-fleet-", b"access-control-", b"cross-origin-"))
    ]


def passed_headers(request: CallerRequest) -> dict[str, str]:
    """The caller's headers that mean something to an engine: never a key or a cookie."""
    passed = {"Content-Type": "application/json", REQUEST_ID: request.id}
    for name in PASSED_ON:
        if (value := request.headers.get(name)) is not None:
            passed[name] = value
    return passed


def fleet_headers(call: Call, placement: Placement) -> list[Header]:
    """The X-Fleet-* headers of one answer."""
    place, scores = placement.place, placement.scores
    headers = [
        (b"X-Fleet-Node", place.node_id.encode()),
        (b"X-Fleet-Engine", place.engine.encode()),
        (b"X-Fleet-Score", b"%.1f" % scores["total"]),
        # Beside the total, not in it: people's scripts read X-Fleet-Score as one number.
        (b"X-Fleet-Score-Breakdown", _breakdown(scores)),
        (b"X-Fleet-Retries", b"%d" % placement.retries),
        (b"X-Fleet-Fallback", b"true" if placement.fallback else b"false"),
        (b"X-Fleet-Served-Model", placement.engine_model.encode(*_TEXT)),
    ]
    if overflow := context.overflow(call, placement):
        headers.append((b"X-Fleet-Context-Overflow", overflow.encode(*_TEXT)))
    return headers


def _breakdown(scores: Mapping[str, float]) -> bytes:
    """`thermal=50.0; memory_fit=20.0; ...`, as they are summed; empty where a place has no points."""
    return "; ".join([f"{name}={points:.1f}" for name, points in scores.items() if name != "total"]).encode()
