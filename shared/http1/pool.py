"""Connections to upstreams that are kept alive, by address. One call's failure closes its own connection only."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from shared.http1.client import Response, Upstream
from shared.http1.exchange import LAST_CHUNK
from shared.http1.faults import NotConnected, NotSent, TooManyOpen
from shared.http1.handshake import Handshake
from shared.http1.heads import Header, request_line, request_lines
from shared.http1.limits import Limits
from shared.http1.sweep import Sweep
from shared.trust.certified import Certified

_LOOPBACK = ("127.0.0.1", "::1")
_HOST = re.compile(r"[^\x00-\x20\x7f/?#@\\]+")
_BODILESS = (b"GET", b"HEAD", b"OPTIONS", b"DELETE")
EYEBALLS_S = 0.25
"""Before the next address of a name is tried beside the last (RFC 8305)."""

Told = Callable[[Upstream], None]


class Address(NamedTuple):
    """`host` may be a name, an IPv4 or an IPv6 address (no brackets, with its zone where it needs one)."""

    host: str
    port: int
    tls: bool = False
    name: str = ""
    """Whom a certificate of the fleet must name; empty: the pool's context alone judges, by the host."""


Resolve = Callable[[Address], Awaitable[tuple[str, ...]]]


class _Upstreams:
    """Of one address."""

    __slots__ = ("host_line", "idle", "opening", "ours")

    def __init__(self, address: Address) -> None:
        """Raises ValueError where it can be none."""
        self.host_line = _host_line(address)
        self.ours: set[Upstream] = set()
        """Connected."""
        self.opening = 0
        """About to be."""
        self.idle: list[Upstream] = []
        """Of these; the last one used at the end, so that few are kept busy and the others reach their age."""


class Pool:
    """Made inside a running loop. What fails is not tried again here: only the caller knows whether it may be."""

    def __init__(
        self,
        limits: Limits,
        tls: ssl.SSLContext | None = None,
        *,
        admits: Callable[[Certified], bool] = lambda _peer: True,
        resolve: Resolve | None = None,
    ) -> None:
        """`tls`: for addresses that want it; may be replaced for connections that come later. `admits`: whether a peer
        that proved its name may be asked. `resolve`: what an address' host stands for, as numbers.
        """
        self.tls = tls
        self._admits = admits
        self._resolve = resolve
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._by_address: dict[Address, _Upstreams] = {}
        self._sweep = Sweep()
        self._closed = False

    async def request(
        self,
        address: Address,
        method: bytes,
        target: bytes,
        headers: list[Header],
        body: bytes | AsyncIterator[bytes] = b"",
        *,
        length: int | None = None,
        fresh: bool = False,
    ) -> Response:
        """An answer once its head is there; Host and framing are written here. `length`: of a body in pieces, in bytes.

        `fresh`: on a new connection, as after Unanswered with `stale`. Raises UpstreamFault, and ValueError for what
        cannot be sent. Cancelled, it ends this call's connection.
        """
        upstreams = self._upstreams(address)
        pieces = None if isinstance(body, bytes) else body
        whole = body if isinstance(body, bytes) else None
        message = b"".join(
            (
                request_line(method, target),
                upstreams.host_line,
                request_lines(headers),
                b"" if self._limits.pooled else b"Connection: close\r\n",
                _length_line(method, whole, length),
                b"\r\n",
                whole or b"",
            )
        )
        upstream = None if fresh else _warm(upstreams)
        if upstream is None:
            upstream = await self._connected(address, upstreams)
        if pieces is not None and length is None:
            pieces = _chunks(pieces)
        return await upstream.request(method, message, pieces)

    def cut(self, name: str) -> int:
        """Ends the connections to this peer, with what is under way on them; how many there were."""
        found = [
            each
            for address, upstreams in self._by_address.items()
            if address.name == name
            for each in upstreams.ours
        ]
        for upstream in found:
            upstream.abort()
        return len(found)

    def open_to(self, address: Address) -> int:
        """Connections to it, busy and idle."""
        upstreams = self._by_address.get(address)
        return len(upstreams.ours) if upstreams else 0

    def idle_to(self, address: Address) -> int:
        """Of these, those that are idle."""
        upstreams = self._by_address.get(address)
        return len(upstreams.idle) if upstreams else 0

    def close(self) -> None:
        """Ends every connection, and what is under way on them."""
        self._closed = True
        self._sweep.close()
        for upstreams in list(self._by_address.values()):
            for upstream in list(upstreams.ours):
                upstream.abort()

    def check(self, now: float) -> None:
        """As Swept: ends what has been idle for too long."""
        waiting = False
        for upstreams in self._by_address.values():
            idle = upstreams.idle
            while idle and (idle[0].due <= now or idle[0].lost):
                idle.pop(0).close()
            waiting = waiting or bool(idle)
        if not waiting:
            self._sweep.discard(self)

    def _upstreams(self, address: Address) -> _Upstreams:
        found = self._by_address.get(address)
        if found is None:
            try:
                found = self._by_address[address] = _Upstreams(address)
            except ValueError as error:
                raise NotConnected(f"{address.host!r}: {error}") from error
        return found

    async def _connected(self, address: Address, upstreams: _Upstreams) -> Upstream:
        if self._closed:
            raise NotSent("the pool is closed")
        if len(upstreams.ours) + upstreams.opening >= self._limits.connections:
            raise TooManyOpen(f"{self._limits.connections} connections are open to {address.host}")
        upstreams.opening += 1
        try:
            async with asyncio.timeout(self._limits.connect_s):
                made = await self._opened(address, upstreams)
        except TimeoutError as error:
            raise NotConnected(f"no connection within {self._limits.connect_s:g} s") from error
        except (OSError, ValueError) as error:
            raise NotConnected(str(error) or type(error).__name__) from error
        finally:
            upstreams.opening -= 1
            self._forget(address, upstreams)
        return made

    async def _opened(self, address: Address, upstreams: _Upstreams) -> Upstream:
        def idle(upstream: Upstream) -> None:
            self._keep(upstream, upstreams)

        def over(upstream: Upstream) -> None:
            upstreams.ours.discard(upstream)
            if upstream in upstreams.idle:
                upstreams.idle.remove(upstream)
            self._forget(address, upstreams)

        hosts = await self._hosts(address)
        for host in hosts[:-1]:
            with contextlib.suppress(OSError):  # TimeoutError is one
                async with asyncio.timeout(self._limits.connect_s / len(hosts)):
                    return await self._connection(host, address, upstreams, idle, over)
        return await self._connection(hosts[-1], address, upstreams, idle, over)

    async def _hosts(self, address: Address) -> tuple[str, ...]:
        if address.host.lower().rstrip(".") == "localhost":
            return _LOOPBACK
        return await self._resolve(address) if self._resolve else (address.host,)

    async def _connection(
        self, host: str, address: Address, upstreams: _Upstreams, idle: Told, over: Told
    ) -> Upstream:
        made = Upstream(self._limits, idle, over)
        handshake = self._handshake(address, made) if address.tls else None
        delay = None if _is_number(host) else EYEBALLS_S
        await self._loop.create_connection(
            lambda: handshake.secured if handshake else made, host, address.port, happy_eyeballs_delay=delay
        )
        if handshake is not None:
            peer = await handshake.over()
            if address.name and not (peer and self._admits(peer)):  # it was removed within this breath
                made.abort()
                raise ConnectionResetError("it may not be asked any more")
        if made.lost:
            raise ConnectionResetError("closed as soon as it was open")
        upstreams.ours.add(made)
        return made

    def _handshake(self, address: Address, upstream: Upstream) -> Handshake:
        if self.tls is None:
            raise NotConnected("this end has no certificate to speak TLS with: it has not joined")

        def accepts(peer: Certified | None) -> bool:
            return not address.name or (peer is not None and peer.name == address.name and self._admits(peer))

        return Handshake(self.tls, upstream, accepts, host=None if address.name else address.host)

    def _keep(self, upstream: Upstream, upstreams: _Upstreams) -> None:
        if self._closed or len(upstreams.idle) >= self._limits.pooled:
            upstream.close()
            return
        upstream.due = self._loop.time() + self._limits.idle_s
        upstreams.idle.append(upstream)
        self._sweep.add(self)

    def _forget(self, address: Address, upstreams: _Upstreams) -> None:
        """An address without connections takes no room."""
        if not upstreams.ours and not upstreams.opening:
            self._by_address.pop(address, None)


def _warm(upstreams: _Upstreams) -> Upstream | None:
    while upstreams.idle:
        upstream = upstreams.idle.pop()
        if not upstream.lost:
            return upstream
    return None


def _is_number(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _host_line(address: Address) -> bytes:
    host = address.host.partition("%")[0]  # a zone means something on this machine only
    if not _HOST.fullmatch(host):
        raise ValueError("a character that no host has")
    if not 0 < address.port < 2**16:
        raise ValueError(f"{address.port} is no port")
    shown = f"[{host}]".encode() if ":" in host else host.encode("idna")
    if address.port == (443 if address.tls else 80):
        return b"Host: %b\r\n" % shown
    return b"Host: %b:%d\r\n" % (shown, address.port)


def _length_line(method: bytes, whole: bytes | None, length: int | None) -> bytes:
    if whole is None:
        return b"Transfer-Encoding: chunked\r\n" if length is None else b"Content-Length: %d\r\n" % length
    return b"Content-Length: %d\r\n" % len(whole) if whole or method not in _BODILESS else b""


async def _chunks(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for data in pieces:
        if data:
            yield b"%x\r\n%b\r\n" % (len(data), data)
    yield LAST_CHUNK
