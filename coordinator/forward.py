"""Carries one call to one gateway and its answer back, as bytes."""

import aiohttp
import msgspec
from msgspec import Struct

from coordinator.core.call import Target
from coordinator.core.context import overflow_told
from coordinator.core.node import NotReached
from shared.errors import (
    BodyTooLarge,
    Draining,
    EngineBusy,
    EngineCrashed,
    FleetError,
    GatewayBroke,
    GatewayUnreachable,
    ModelGone,
    NodeFailure,
    StreamBroken,
)
from shared.sockets import watchful_socket
from shared.wire import GATEWAY_FAULT_HEADER, engine_path

ERROR_TEXT_LIMIT = 64 * 2**10
"""Bytes of an engine's error body that are read."""
SHOWN_LIMIT = 500
"""Characters of an engine's error that the caller is shown."""
RETRY_AFTER_LONGEST_S = 300
POOLED_FOR_S = 15.0
"""Shorter than the gateway's own patience, so that it is never the gateway that closes an idle connection."""

CONNECTION_ERRORS = (aiohttp.ClientError, TimeoutError, OSError, ValueError)
"""ValueError: an address or name that no library takes."""
CRASHED = (
    "runner process has terminated",
    "runner process no longer running",
    "runner has unexpectedly stopped",
    "running the model: unexpected EOF",
)
"""How an engine says, in an answer of status 500, that the process that ran the model died."""


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

    def __init__(self, response: aiohttp.ClientResponse, first: bytes, where: str) -> None:
        self.status = response.status
        self.headers = response.headers
        self._response = response
        self._first = first
        self._where = where

    async def read(self) -> bytes:
        """The next bytes as they come; empty at the end. Raises StreamBroken where they stop short."""
        if self._first:
            first, self._first = self._first, b""
            return first
        return await _read(self._response, self._where)

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
    """One pool of connections to all gateways."""

    def __init__(self, connect_timeout_s: float, buffer_limit: int) -> None:
        """Must be made inside a running loop; `buffer_limit` in bytes, for whole answers."""
        self._buffer_limit = buffer_limit
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, keepalive_timeout=POOLED_FOR_S, socket_factory=watchful_socket
            ),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_s),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Closes every connection."""
        await self._session.close()

    async def probe(self, gateway: str, secret: str, timeout_s: float) -> NotReached | None:
        """Whether the gateway answers this coordinator; None, or why not."""
        try:
            async with self._session.get(
                f"{gateway}/health",
                allow_redirects=False,
                headers=_authorised(secret),
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as response:
                status = response.status
                return None if status == 200 else NotReached(f"answered {status}", answered=True)
        except aiohttp.ClientResponseError:  # its text repeats what came
            return NotReached("answered, but not in HTTP", answered=True)
        except CONNECTION_ERRORS as error:
            return NotReached(describe(error))

    async def alive(self, target: Target, timeout_s: float) -> bool:
        """Whether the engine gives any answer to a question that costs it nothing."""
        try:
            async with self._session.get(
                target.gateway + engine_path(target.engine, "/v1/models"),
                allow_redirects=False,
                headers=_authorised(target.secret),
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as response:
                return response.headers.get(GATEWAY_FAULT_HEADER) not in ("unreachable", "broken")
        except CONNECTION_ERRORS:
            return False

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
        url = target.gateway + engine_path(target.engine, request.path)
        headers = {**request.headers, **_authorised(target.secret), "Accept-Encoding": "identity"}
        try:
            response = await self._session.request(
                request.method, url, data=request.body, headers=headers, allow_redirects=False
            )
        except CONNECTION_ERRORS as error:
            raise _unreachable(target, error) from error
        try:
            if _is_failure(response):
                raise await _failure(response, where)
            first = await self._beginning(response, where, whole=request.whole)
            if response.status == 400 and (overflow := overflow_told(first)):
                raise overflow
            if request.answered and response.status < 400:
                _check_begun(response, first, where, whole=request.whole)
        except BaseException:
            response.close()
            raise
        return EngineReply(response, first, where)

    async def _beginning(self, response: aiohttp.ClientResponse, where: str, *, whole: bool) -> bytes:
        read = bytearray(await _read(response, where))
        while whole and len(read) < self._buffer_limit:
            chunk = await _read(response, where)
            if not chunk:
                break
            read += chunk
        return bytes(read)


def _unreachable(target: Target, error: BaseException) -> GatewayUnreachable:
    broke = isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError)
    if broke and not isinstance(error, aiohttp.ClientConnectorError):
        return GatewayBroke(f"{target.node_id} broke the connection: {describe(error)}")
    return GatewayUnreachable(f"no connection to {target.node_id}: {describe(error)}")


def _check_begun(response: aiohttp.ClientResponse, first: bytes, where: str, *, whole: bool) -> None:
    """An answer that ended without a word, or in the middle of one, is none. Nobody has seen it yet."""
    if not first:
        raise StreamBroken(f"{where} gave an empty answer")
    if whole and response.content.at_eof():
        try:
            msgspec.json.decode(first, type=msgspec.Raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise StreamBroken(f"{where} gave half an answer") from error


async def _read(response: aiohttp.ClientResponse, where: str) -> bytes:
    try:
        return await response.content.readany()
    except CONNECTION_ERRORS as error:
        raise StreamBroken(f"{where} broke off its answer") from error


def _is_failure(response: aiohttp.ClientResponse) -> bool:
    """Not the engine's answer to this call: its collapse, its full queue, or the gateway's own word."""
    status = response.status
    return status >= 500 or status == 429 or 300 <= status < 400 or GATEWAY_FAULT_HEADER in response.headers


async def _failure(response: aiohttp.ClientResponse, where: str) -> FleetError:
    body = await _error_body(response)
    fault = response.headers.get(GATEWAY_FAULT_HEADER)
    if fault == "draining":
        return Draining(f"{where} is draining", retry_after=1)
    if fault == "broken":
        return StreamBroken(f"{where} broke the connection")
    if fault == "refused":
        return _refused(response.status, where)
    summary, said = f"{where} answered {response.status}", engine_error_text(body)
    if response.status in (429, 503):
        return EngineBusy(summary, said=said, retry_after=_seconds(response.headers.get("Retry-After")))
    if any(words in said for words in CRASHED):
        return EngineCrashed(summary, said=said)
    return NodeFailure(summary, said=said)


def _refused(status: int, where: str) -> FleetError:
    """The gateway would not pass the call on."""
    if status == 413:
        return BodyTooLarge(
            f"the body is larger than the gateway of {where} passes on (FLEET_NODE_BODY_LIMIT)"
        )
    if status == 401:
        return GatewayUnreachable(f"the gateway of {where} belongs to another coordinator")
    return NodeFailure(f"the gateway of {where} refused the call")


async def _error_body(response: aiohttp.ClientResponse) -> bytes:
    try:
        return await response.content.read(ERROR_TEXT_LIMIT)
    except CONNECTION_ERRORS:
        return b""  # the status alone has to do


def _seconds(retry_after: str | None) -> int:
    """An engine's Retry-After, within reason."""
    if not retry_after or not retry_after.isdecimal() or len(retry_after) > 6:
        return 1
    return max(1, min(int(retry_after), RETRY_AFTER_LONGEST_S))


def engine_error_text(body: bytes) -> str:
    """The message inside an engine's error body, whatever its dialect; shortened."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        decoded = None
    error = decoded.get("error") if isinstance(decoded, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    text = message if isinstance(message, str) else body.decode("utf-8", "replace").strip()
    return text[:SHOWN_LIMIT] or "no reason given"


def describe(error: BaseException) -> str:
    """A connection error in a few words."""
    if isinstance(error, TimeoutError):
        return "timed out"
    return str(error) or type(error).__name__


def _authorised(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}
