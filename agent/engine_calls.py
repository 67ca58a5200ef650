"""Calls on their way to engines, over connections that are kept. What goes wrong with them is told in one place."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from shared.destinations.pinning import addresses
from shared.destinations.rules import CHOSEN
from shared.errors import FleetError, GatewayUnreachable, StreamBroken
from shared.http1.client import Response
from shared.http1.exchange import Exchange
from shared.http1.faults import HttpFault, NotSent, TooLarge, Unanswered, UpstreamFault
from shared.http1.heads import Header
from shared.http1.limits import Limits
from shared.http1.pool import Address, Pool

KEPT = 64
"""Idle connections to one engine. An old llama.cpp gives each a thread; there are no more than it had calls at once."""
KEPT_FOR_S = 3.0
"""Shorter than the patience of llama.cpp and of uvicorn, 5 s each, so that it is seldom the engine that closes one."""
STALE_S = 1.0
"""An engine closes a connection that it does not want any more at once; one that ends later had the call."""
LARGEST_FAULT = 16 * 2**20
"""Bytes of an error's body."""

_PATH = "/%:@!$&'()*+,;=~"
"""What is not escaped in a path that a person wrote."""


class EngineAnswer:
    """An answer that has begun. Read to its end or closed, else the engine works on."""

    __slots__ = ("_response", "head", "length")

    def __init__(self, response: Response) -> None:
        self.head = response.head
        self.length = response.length
        """Of the body in bytes, where the engine told."""
        self._response = response

    @property
    def kind(self) -> str:
        """The media type, without its parameters; empty: none was told."""
        told = self.head.get(b"content-type").partition(b";")[0]
        return told.strip().lower().decode("latin-1")

    async def read(self) -> bytes:
        """The next bytes; empty at the end. Raises StreamBroken where they stop short."""
        try:
            return await self._response.read()
        except UpstreamFault as fault:
            raise _broken_off(fault) from fault

    async def whole(self) -> bytes:
        """All of an error's body. Raises StreamBroken where it stops short, or has no end."""
        try:
            return await self._response.whole(LARGEST_FAULT)
        except (UpstreamFault, TooLarge) as fault:
            raise _broken_off(fault) from fault

    def come(self) -> bytes | None:
        """The body, where all of it is there already; else None."""
        return self._response.come()

    async def pass_on(self, exchange: Exchange, through: Callable[[bytes], bytes]) -> None:
        """Its pieces into an answer that has begun, as they come; a caller that takes none holds the engine.

        Raises StreamBroken where they stop short, and what `through` raises.
        """

        def sink(data: bytes, _last: bool) -> None:
            if data and (out := through(data)):
                exchange.write(out)

        exchange.push_back(self._response)
        try:
            await self._response.pour(sink)
        except UpstreamFault as fault:
            raise _broken_off(fault) from fault
        finally:
            exchange.push_back(None)

    def close(self) -> None:
        """Before the answer's end this ends the engine's work; after it, it does nothing."""
        self._response.close()


class EngineCalls:
    """To all engines of a node. Made inside a running loop."""

    def __init__(self, connect_timeout_s: float) -> None:
        self._limits = Limits(connect_s=connect_timeout_s, idle_s=KEPT_FOR_S, pooled=KEPT)
        self._loop = asyncio.get_running_loop()
        self._pool = Pool(self._limits, resolve=lambda address: addresses(address.host, address.port, CHOSEN))
        self._tls: Pool | None = None

    async def ask(
        self,
        method: bytes,
        url: str,
        path: bytes,
        headers: list[Header],
        body: bytes | AsyncIterator[bytes],
        length: int | None = None,
    ) -> EngineAnswer:
        """The answer of the engine at base `url` once it begins. `length` in bytes: of a body in pieces.

        Raises GatewayUnreachable where the engine got nothing, StreamBroken where it may have worked on the call.
        """
        try:
            base = _base(url)
            pool = self._over_tls() if base.address.tls else self._pool
            return EngineAnswer(
                await self._asked(
                    pool, base.address, method, base.path + path, [*headers, *base.headers], body, length
                )
            )
        except (UpstreamFault, ValueError) as fault:
            raise _told(fault) from fault

    def close(self) -> None:
        """Ends every connection, and what is under way on them."""
        self._pool.close()
        if self._tls is not None:
            self._tls.close()

    async def _asked(
        self,
        pool: Pool,
        address: Address,
        method: bytes,
        target: bytes,
        headers: list[Header],
        body: bytes | AsyncIterator[bytes],
        length: int | None,
    ) -> Response:
        """Once more on a new connection where a kept one was closed as the request left: engines do that, whatever
        they promise. Only a body that is whole can be sent again; one in pieces has a new connection at once.
        """
        whole, sent_at = isinstance(body, bytes), self._loop.time()
        try:
            return await pool.request(address, method, target, headers, body, length=length, fresh=not whole)
        except Unanswered as fault:
            if not fault.stale or not whole or self._loop.time() - sent_at > STALE_S:
                raise
            try:
                return await pool.request(address, method, target, headers, body, fresh=True)
            except NotSent:
                raise fault from None  # it was there a moment ago: it may have died of this call

    def _over_tls(self) -> Pool:
        """Made when the first engine wants it: the system's certificates take a while to read."""
        if self._tls is None:
            self._tls = Pool(self._limits, ssl.create_default_context())
        return self._tls


@asynccontextmanager
async def engine_calls(connect_timeout_s: float) -> AsyncIterator[EngineCalls]:
    """Closed at the end."""
    calls = EngineCalls(connect_timeout_s)
    try:
        yield calls
    finally:
        calls.close()


class _Base(NamedTuple):
    """An engine's URL, as far as each call needs it."""

    address: Address
    path: bytes
    headers: tuple[Header, ...]


@lru_cache(64)  # to read a URL takes as long as to parse an answer's head
def _base(url: str) -> _Base:
    """Raises ValueError."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    address = Address(parts.hostname or "", parts.port or (443 if tls else 80), tls)
    headers = () if parts.username is None else ((b"Authorization", _credentials(parts)),)
    return _Base(address, quote(parts.path, _PATH).encode(), headers)


def _told(fault: UpstreamFault | ValueError) -> FleetError:
    """A connection that does not come about in time may be one that the engine has accepted."""
    if isinstance(fault, NotSent) and not isinstance(fault.__cause__, TimeoutError):
        return GatewayUnreachable(f"no connection to the engine: {fault}")
    return StreamBroken(f"the engine gave no answer: {fault}")


def _broken_off(fault: HttpFault) -> StreamBroken:
    return StreamBroken(f"the engine broke off its answer: {fault}")


def _credentials(parts: SplitResult) -> bytes:
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return b"Basic " + base64.b64encode(pair.encode())
