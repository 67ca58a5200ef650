"""aiohttp's application, asked by exchanges of ours: one connection serves its routes and the calls by turns.

Nothing of its protocol runs. It finds the route, and its answers come out of a writer that is an exchange.
"""

import asyncio
from typing import Any, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion10, HttpVersion11, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from coordinator.requests import CALLER, CallerRequest
from shared.errors import MethodNotAllowed, RouteNotFound
from shared.http1.exchange import Exchange
from shared.http1.heads import RequestHead

_TEXT = ("utf-8", "surrogateescape")
_OURS = frozenset(("connection", "content-length", "transfer-encoding", "date", "server", "x-request-id"))
"""Headers that are written by the exchange and by CallerRequest."""


class _Peer:
    """What a request asks its protocol and its transport for. Who wants to end the connection aborts the exchange."""

    ssl_context = None

    def __init__(self, exchange: Exchange) -> None:
        self.transport = self
        self.peername = (exchange.peer, 0)
        self.sockname = ("", exchange.port)

    def get_extra_info(self, name: str, default: object = None) -> object:
        """As of a transport: both ends' addresses."""
        return {"peername": self.peername, "sockname": self.sockname}.get(name, default)


class _Writer(AbstractStreamWriter):
    """An answer's bytes, into the exchange."""

    def __init__(self, request: CallerRequest) -> None:
        self._request = request
        self._exchange = request.exchange

    async def write_headers(self, status_line: str, headers: CIMultiDict[str]) -> None:
        """The head, which leaves with the first bytes."""
        length = headers.get("Content-Length")
        passed = [
            (name.encode(), value.encode(*_TEXT))
            for name, value in headers.items()
            if name.lower() not in _OURS
        ]
        status = int(status_line.split(" ", 2)[1])
        self._request.start(status, passed, int(length) if length is not None else None)

    def send_headers(self) -> None:
        """At once."""
        self._exchange.send_head()

    async def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """Returns once the caller takes more."""
        self._exchange.write(bytes(chunk))
        await self._exchange.drain()

    async def write_eof(self, chunk: bytes = b"") -> None:
        """The last bytes."""
        if chunk:
            await self.write(chunk)
        self._exchange.end()

    async def drain(self) -> None:
        """Returns once the caller takes more."""
        await self._exchange.drain()

    def enable_chunking(self) -> None:
        """The exchange knows by itself."""

    def enable_compression(self, encoding: str = "deflate", strategy: int | None = None) -> None:
        """No answer here asks for it."""
        raise NotImplementedError(encoding)


class WebApplication:
    """Frozen by `start`."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(app, access_log=None)
        self._server: web.Server

    async def start(self) -> None:
        """Before the first request."""
        await self._runner.setup()
        assert self._runner.server is not None  # noqa: S101 - setup made it
        self._server = self._runner.server

    async def close(self) -> None:
        """After the last."""
        await self._runner.cleanup()

    async def answer(self, request: CallerRequest) -> None:
        """By the route that it asks for. Raises RouteNotFound, MethodNotAllowed and what the route raises."""
        asked = self._request(request)
        try:
            response = await self._server.request_handler(asked)
        except web.HTTPMethodNotAllowed as error:
            message = f"{request.method} is not allowed for {request.path}"
            raise MethodNotAllowed(message, allowed=", ".join(sorted(error.allowed_methods))) from error
        except web.HTTPNotFound as error:
            raise RouteNotFound(f"no such address: {_short(request.path)}") from error
        except web.HTTPException as answer:
            response = answer
        if not request.exchange.ended:  # a call's route has answered by itself
            await response.prepare(asked)
            await response.write_eof()

    def _request(self, request: CallerRequest) -> web.BaseRequest:
        made = self._server.request_factory(
            _message(request.exchange.head),
            EMPTY_PAYLOAD,  # bodies are read by `CallerRequest.body`
            cast(Any, _Peer(request.exchange)),
            _Writer(request),
            cast("asyncio.Task[None]", asyncio.current_task()),
        )
        made[CALLER] = request
        return made


def _message(head: RequestHead) -> RawRequestMessage:
    headers = CIMultiDict(
        (name.decode(*_TEXT), value.decode(*_TEXT))
        for name, value in head.headers
        if name.lower() != b"expect"  # the exchange says 100 when the body is asked for
    )
    target = head.target.decode(*_TEXT)
    path, _, query = target.partition("?")
    return RawRequestMessage(
        method=head.method.decode(),
        path=target,
        version=HttpVersion11 if head.minor else HttpVersion10,
        headers=CIMultiDictProxy(headers),
        raw_headers=tuple(head.headers),
        should_close=not head.keeps_alive,
        compression=None,
        upgrade=False,
        chunked=b"transfer-encoding" in head.fields,
        url=URL(target, encoded=True)
        if path == "*"
        else URL.build(path=path, query_string=query, encoded=True),
    )


def _short(path: str) -> str:
    return path if len(path) <= 200 else f"{path[:200]}..."
