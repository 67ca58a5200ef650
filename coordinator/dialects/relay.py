"""One call out and its answer back to the caller: headers, bytes, and an honest end."""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec
from aiohttp import hdrs, web

from coordinator.core import context
from coordinator.core.call import Call, Placement
from coordinator.dialects.callers import Callers
from coordinator.dialects.counts import tokens_of
from coordinator.dialects.dialect import Decoder, Dialect, Exchange
from coordinator.dispatch import Answer, Dispatcher
from coordinator.engine_faults import engine_error_text
from coordinator.requests import request_id_header
from shared.errors import EngineFault, FleetError, NodeFailure, StreamBroken
from shared.frames import Frames

PASSED_ON = ("traceparent", "tracestate")
"""Request headers that go on to the engine."""

_NOT_RELAYED = frozenset(
    name.lower()
    for name in (
        hdrs.CONNECTION,
        hdrs.KEEP_ALIVE,
        hdrs.TRANSFER_ENCODING,
        hdrs.CONTENT_LENGTH,
        hdrs.DATE,
        hdrs.SERVER,
        hdrs.SET_COOKIE,
        "X-Request-Id",
    )
)


class Relay:
    """Shared by the dialects; limits in bytes, for one frame of a stream and for an answer that must be had whole."""

    def __init__(self, dispatcher: Dispatcher, callers: Callers, frame_limit: int, whole_limit: int) -> None:
        self.callers = callers
        self._dispatcher = dispatcher
        self._frame_limit = frame_limit
        self._whole_limit = whole_limit

    async def serve(self, request: web.Request, dialect: Dialect, exchange: Exchange) -> web.StreamResponse:
        """The whole way. Raises FleetError as long as the caller has been sent nothing."""
        answer = await self._dispatcher.answer(exchange.call, exchange.encode)
        async with answer:
            decoder = exchange.decoder(answer.placement)
            if answer.status >= 400:
                return await self._fault(answer, exchange, translated=decoder is not None)
            if exchange.stream:
                return await self._stream(request, dialect, answer, exchange, decoder)
            if decoder is not None:
                return await self._decoded(answer, exchange, decoder)
            return await self._whole(request, answer, exchange)

    async def _fault(self, answer: Answer, exchange: Exchange, *, translated: bool) -> web.Response:
        """The engine found fault with the call: its own words and status, in the caller's dialect."""
        body = await read_whole(answer, self._whole_limit)
        if translated or not _is_json(body):  # "404 page not found", say
            raise EngineFault(engine_error_text(body), status=answer.status)
        return web.Response(status=answer.status, body=body, headers=_headers(answer, exchange))

    async def _decoded(self, answer: Answer, exchange: Exchange, decoder: Decoder) -> web.Response:
        headers = _headers(answer, exchange)
        headers[hdrs.CONTENT_TYPE] = "application/json; charset=utf-8"
        body = await read_whole(answer, self._whole_limit)
        answer.count(tokens_of([body]))
        return web.Response(status=answer.status, body=decoder.whole(body), headers=headers)

    async def _whole(self, request: web.Request, answer: Answer, exchange: Exchange) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=_headers(answer, exchange))
        if length := answer.headers.get(hdrs.CONTENT_LENGTH):
            response.content_length = int(length)
        await response.prepare(request)
        try:
            chunk = await answer.read()
            answer.count(tokens_of([chunk]))  # longer than the buffer, it is in pieces and tells nothing
            while chunk:
                await response.write(chunk)
                chunk = await answer.read()
        except FleetError as error:
            # Longer than the buffer, so part of it has been sent: a body cut short must not look complete.
            answer.failed(error)
            if request.transport is not None:
                request.transport.abort()
            return response
        await response.write_eof()
        return response

    async def _stream(
        self,
        request: web.Request,
        dialect: Dialect,
        answer: Answer,
        exchange: Exchange,
        decoder: Decoder | None,
    ) -> web.StreamResponse:
        headers = _headers(answer, exchange)
        if decoder is not None:
            headers[hdrs.CONTENT_TYPE] = dialect.stream_type
        frames = dialect.frames(self._frame_limit)
        stream = Stream(frames, headers, dialect.stream_error, dialect.ended_well)
        try:
            return await stream.copy(request, answer, decoder)
        finally:
            ends = decoder.ends() if decoder is not None else ()
            answer.count(tokens_of([*ends, frames.last, frames.previous]))


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


class Source(Protocol):
    """Where a stream's bytes come from: an Answer, or an EngineReply that takes no place."""

    status: int

    async def read(self) -> bytes:
        """The next bytes; empty at the end. Raises FleetError where they stop short."""
        ...

    def failed(self, error: FleetError) -> None:
        """The caller is being told of `error`."""
        ...


class Stream:
    """One streamed answer: whole frames, backpressure by waiting for each write, an error after a break."""

    def __init__(
        self,
        frames: Frames,
        headers: dict[str, str],
        stream_error: Callable[[FleetError], bytes],
        ended_well: Callable[[bytes], bool],
    ) -> None:
        """`ended_well`: whether a stream whose last frame is this one is complete."""
        self._frames = frames
        self._headers = headers | {hdrs.CACHE_CONTROL: "no-cache", "X-Accel-Buffering": "no"}
        self._stream_error = stream_error
        self._ended_well = ended_well

    async def copy(
        self, request: web.Request, source: Source, decoder: Decoder | None = None
    ) -> web.StreamResponse:
        """To the caller, to its end."""
        response = web.StreamResponse(status=source.status, headers=self._headers)
        await response.prepare(request)
        try:
            await self._chunks(source, response, decoder)
        except FleetError as error:
            source.failed(error)
            await response.write(self._stream_error(error))
        await response.write_eof()
        return response

    async def _chunks(self, source: Source, response: web.StreamResponse, decoder: Decoder | None) -> None:
        frames = self._frames
        while chunk := await source.read():
            if out := frames.feed(decoder.feed(chunk) if decoder else chunk):
                await response.write(out)
        if decoder and (out := frames.feed(decoder.finish())):
            await response.write(out)
        rest = frames.rest()
        if not frames.in_pieces and not self._ended_well(frames.last):
            raise StreamBroken("the engine ended its answer before it was complete")
        if rest:
            await response.write(rest)


async def read_whole(source: Source, limit: int) -> bytes:
    """All of an answer. Raises NodeFailure where it has more than `limit` bytes."""
    whole = bytearray()
    while chunk := await source.read():
        whole += chunk
        if len(whole) > limit:
            raise NodeFailure(f"the engine's answer is larger than {limit} bytes")
    return bytes(whole)


def _headers(answer: Answer, exchange: Exchange) -> dict[str, str]:
    """The engine's own headers, and what really happened."""
    headers = relayed(answer.headers) | fleet_headers(exchange.call, answer.placement)
    if answer.context:
        headers["X-Fleet-Context"] = answer.context
    return headers


def relayed(headers: Mapping[str, str]) -> dict[str, str]:
    """An engine's headers that mean something to the caller."""
    return {
        name: value
        for name, value in headers.items()
        if name.lower() not in _NOT_RELAYED and not name.lower().startswith("x-fleet-")
    }


def passed_headers(request: web.Request) -> dict[str, str]:
    """The caller's headers that mean something to an engine: never a key or a cookie."""
    passed = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
    return {hdrs.CONTENT_TYPE: "application/json", **request_id_header(request), **passed}


def fleet_headers(call: Call, placement: Placement) -> dict[str, str]:
    """The X-Fleet-* headers of one answer."""
    headers = {
        "X-Fleet-Node": placement.place.node_id,
        "X-Fleet-Engine": placement.place.engine,
        "X-Fleet-Score": f"{placement.scores['total']:.1f}",
        # Beside the total, not in it: people's scripts read X-Fleet-Score as one number.
        "X-Fleet-Score-Breakdown": _breakdown(placement.scores),
        "X-Fleet-Retries": str(placement.retries),
        "X-Fleet-Fallback": "true" if placement.fallback else "false",
        "X-Fleet-Served-Model": placement.engine_model,
    }
    if overflow := context.overflow(call, placement):
        headers["X-Fleet-Context-Overflow"] = overflow
    return headers


def _breakdown(scores: Mapping[str, float]) -> str:
    """`thermal=50.0; memory_fit=20.0; ...`, as they are summed; empty where a place has no points."""
    return "; ".join(f"{name}={points:.1f}" for name, points in scores.items() if name != "total")
