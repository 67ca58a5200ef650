"""Carries one call to one gateway and its answer back, as bytes."""

import asyncio
import functools
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from coordinator.core.call import Target
from coordinator.core.context import overflow_told
from coordinator.core.node import NotReached
from coordinator.engine_faults import ERROR_TEXT_LIMIT, engine_error_text, failure, is_failure
from shared.destinations.pinning import addresses
from shared.destinations.rules import Gateways, Rule
from shared.errors import (
    FleetError,
    GatewayBroke,
    GatewayUnreachable,
    ModelGone,
    StreamBroken,
)
from shared.http1.client import Response
from shared.http1.faults import BrokenOff, HttpFault, Malformed, Unanswered, UpstreamFault
from shared.http1.inflow import Sink
from shared.http1.limits import Limits
from shared.http1.pool import Address, Pool
from shared.names import NodeId
from shared.trust.certified import Certified
from shared.trust.names import node_name
from shared.wire import GATEWAY_FAULT_HEADER, engine_path

POOLED_FOR_S = 15.0
"""Shorter than the gateway's own patience, so that it is never the gateway that closes an idle connection."""
GATEWAY_PORT = 80
"""Of an address that names none."""
ADDRESSES = 4_096
"""Of gateways that are remembered as they were read from a URL."""

CONNECTION_ERRORS = (HttpFault, TimeoutError, OSError, ValueError)
"""ValueError: an address or name that no library takes."""
AT_WILL = ("GET", "DELETE")
"""Methods of what may be asked twice."""

_TEXT = ("utf-8", "surrogateescape")
_AS_IT_IS = (b"Accept-Encoding", b"identity")


class EngineRequest(Struct, frozen=True):
    """What goes to the engine."""

    path: str
    body: bytes
    headers: dict[str, str]
    whole: bool
    """The caller wants one answer, not a stream: keep it back until it is complete."""
    method: str = "POST"
    answered: bool = True
    """Whether a good answer has a body: JSON, or a stream of it."""
    context: str = ""
    """What was done about the call's context, in the words of X-Fleet-Context; empty: nothing."""


class EngineReply:
    """An answer that has begun: status, headers, the bytes so far and the rest."""

    def __init__(self, response: Response, first: bytes, where: str) -> None:
        self.status = response.head.status
        self.head = response.head
        self._response = response
        self._first = first
        self._where = where

    async def read(self) -> bytes:
        """The next bytes as they come; empty at the end. Raises StreamBroken where they stop short."""
        if self._first:
            first, self._first = self._first, b""
            return first
        return await _read(self._response, self._where)

    def come(self) -> bytes | None:
        """What has not been read, where it is the rest; else None, and nothing is taken."""
        if not self._response.spent:
            return None
        first, self._first = self._first, b""
        return first

    async def pour(self, sink: Sink) -> None:
        """All bytes into `sink`, as they come. Raises what it raises, StreamBroken where they stop short."""
        if self._first:
            first, self._first = self._first, b""
            sink(first, False)
        try:
            await self._response.pour(sink)
        except UpstreamFault as error:
            raise StreamBroken(f"{self._where} broke off its answer") from error

    def hold(self) -> None:
        """The engine is to wait."""
        self._response.hold()

    def release(self) -> None:
        """The end of `hold`."""
        self._response.release()

    def names_no_model(self) -> str:
        """What a 404 says, where that is of the model and not of the path; else empty."""
        text = engine_error_text(self._first[:ERROR_TEXT_LIMIT])
        return text if "model" in text.lower() and "not found" in text.lower() else ""

    def failed(self, _error: FleetError) -> None:
        """As `close`: nobody counts places for it."""
        self.close()

    def close(self) -> None:
        """Drops the connection unless the answer was read to its end; the gateway then stops the engine's work."""
        self._response.close()


class Forwarder:
    """To all gateways: one pool of connections for calls, one for looks at whether they are there."""

    def __init__(self, connect_timeout_s: float, buffer_limit: int, rule: Rule | None = None) -> None:
        """Must be made inside a running loop; `buffer_limit` in bytes, for whole answers. `rule`: for what the names of
        gateways stand for; numbers were looked at when they were told.
        """
        rule = rule or Gateways().told
        self._buffer_limit = buffer_limit
        self._address = functools.lru_cache(ADDRESSES)(_address)
        self._admits: Callable[[Certified], bool] = lambda _peer: False

        def pool() -> Pool:
            return Pool(
                Limits(connect_s=connect_timeout_s, idle_s=POOLED_FOR_S),
                admits=self._admitted,
                resolve=lambda address: addresses(address.host, address.port, rule),
            )

        self._pool, self._looks = pool(), pool()

    async def close(self) -> None:
        """Closes every connection."""
        self._pool.close()
        self._looks.close()

    def speaks(self, tls: ssl.SSLContext, admits: Callable[[Certified], bool]) -> None:
        """From now on: with nodes that have joined, as whom `tls` shows, and with those only that are admitted."""
        self._pool.tls = self._looks.tls = tls
        self._admits = admits

    def _admitted(self, peer: Certified) -> bool:
        return self._admits(peer)

    def cut(self, name: str) -> None:
        """Ends what is under way with the node of this name in certificates."""
        self._pool.cut(name)
        self._looks.cut(name)

    async def probe(self, node_id: NodeId, gateway: str, secret: str, timeout_s: float) -> NotReached | None:
        """Whether the gateway answers this coordinator; None, or why not."""
        try:
            status, _ = await self._looked(node_id, gateway, secret, "/health", timeout_s)
        except (Malformed, BrokenOff):  # its text repeats what came
            return NotReached("answered, but not in HTTP", answered=True)
        except CONNECTION_ERRORS as error:
            return NotReached(describe(error))
        return None if status == 200 else NotReached(f"answered {status}", answered=True)

    async def alive(self, target: Target, timeout_s: float) -> bool:
        """Whether the engine gives any answer to a question that costs it nothing."""
        path = engine_path(target.engine, "/v1/models")
        try:
            asked = self._looked(target.node_id, target.gateway, target.secret, path, timeout_s)
            _, fault = await asked
        except CONNECTION_ERRORS:
            return False
        return fault not in (b"unreachable", b"broken")

    async def _looked(
        self, node_id: NodeId, gateway: str, secret: str, path: str, timeout_s: float
    ) -> tuple[int, bytes]:
        """Status of a GET, and the gateway's own fault. Its body is nobody's concern."""
        lines = [(b"Authorization", b"Bearer " + secret.encode(*_TEXT)), _AS_IT_IS]
        async with asyncio.timeout(timeout_s):
            address = self._address(gateway, node_id)
            response = await self._looks.request(address, b"GET", path.encode(), lines, fresh=True)
        try:
            fault = response.head.fields.get(GATEWAY_FAULT_HEADER.lower().encode(), b"")
            return response.head.status, fault
        finally:
            response.close()

    async def infer(self, target: Target, request: EngineRequest) -> EngineReply:
        """As `send`, for a call to a model: raises ModelGone too, where the engine has it no more."""
        reply = await self.send(target, request)
        if reply.status == 404 and (said := reply.names_no_model()):
            reply.close()
            raise ModelGone(said)
        return reply

    async def send(self, target: Target, request: EngineRequest) -> EngineReply:
        """The engine's answer once its first bytes are there, or all of them where the request wants it whole.

        Raises GatewayUnreachable, Draining, EngineBusy, NodeFailure or StreamBroken; a 4xx is an answer, but for
        ContextExceeded, which another engine may not say.
        """
        where = f"{target.engine} on {target.node_id}"
        try:
            response = await self._asked(target, request)
        except (HttpFault, ValueError) as error:
            raise _unreachable(target, error) from error
        try:
            if is_failure(response.head):
                raise failure(response.head, await _error_body(response), where)
            first = await self._beginning(response, where, whole=request.whole)
            if response.head.status == 400 and (overflow := overflow_told(first)):
                raise overflow
            if request.answered and response.head.status < 400:
                _check_begun(response, first, where, whole=request.whole)
        except BaseException:
            response.close()
            raise
        return EngineReply(response, first, where)

    async def _asked(self, target: Target, request: EngineRequest) -> Response:
        """A call that is lost on a kept connection may have been worked on: only the Desk knows where it goes next."""
        address = self._address(target.gateway, target.node_id)
        path = engine_path(target.engine, request.path).encode()
        lines = [(name.encode(), value.encode(*_TEXT)) for name, value in request.headers.items()]
        lines += ((b"Authorization", b"Bearer " + target.secret.encode(*_TEXT)), _AS_IT_IS)
        method = request.method.encode()
        try:
            return await self._pool.request(address, method, path, lines, request.body)
        except Unanswered as fault:
            if not fault.stale or request.method not in AT_WILL:
                raise
        return await self._pool.request(address, method, path, lines, request.body, fresh=True)

    async def _beginning(self, response: Response, where: str, *, whole: bool) -> bytes:
        read = bytearray(await _read(response, where))
        while whole and len(read) < self._buffer_limit:
            chunk = await _read(response, where)
            if not chunk:
                break
            read += chunk
        return bytes(read)


def _address(gateway: str, node_id: NodeId) -> Address:
    """Over TLS whoever answers has to be that node. Raises ValueError."""
    parts = urlsplit(gateway)
    tls = parts.scheme == "https"
    return Address(parts.hostname or "", parts.port or GATEWAY_PORT, tls, node_name(node_id) if tls else "")


def _unreachable(target: Target, error: HttpFault | ValueError) -> GatewayUnreachable:
    if isinstance(error, Unanswered | BrokenOff):
        return GatewayBroke(f"{target.node_id} broke the connection: {error}")
    return GatewayUnreachable(f"no connection to {target.node_id}: {error}")


def _check_begun(response: Response, first: bytes, where: str, *, whole: bool) -> None:
    """An answer that ended without a word, or in the middle of one, is none. Nobody has seen it yet."""
    if not first:
        raise StreamBroken(f"{where} gave an empty answer")
    if whole and response.spent:
        try:
            msgspec.json.decode(first, type=msgspec.Raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise StreamBroken(f"{where} gave half an answer") from error


async def _read(response: Response, where: str) -> bytes:
    try:
        return await response.read()
    except UpstreamFault as error:
        raise StreamBroken(f"{where} broke off its answer") from error


async def _error_body(response: Response) -> bytes:
    try:
        return (await response.read())[:ERROR_TEXT_LIMIT]
    except UpstreamFault:
        return b""  # the status alone has to do


def describe(error: BaseException) -> str:
    """A connection error in a few words."""
    if isinstance(error, TimeoutError):
        return "timed out"
    return str(error) or type(error).__name__


def _authorised(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}
