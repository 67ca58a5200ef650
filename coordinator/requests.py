"""One request as a caller made it, its identity (the same in logs, traces and answers), and the way back to it."""

import functools
import random
import secrets
import time
from collections.abc import Callable, Iterable
from urllib.parse import unquote

from aiohttp import web

from coordinator.access.decision import STRANGER
from shared import __version__
from shared.errors import BodyTooLarge, CallerFault
from shared.http1.exchange import Exchange
from shared.http1.faults import BadMessage, TooLarge
from shared.http1.heads import Header, RequestHead
from shared.names import CallId, acceptable_call_id

REQUEST_ID = "X-Request-Id"
JSON: Header = (b"Content-Type", b"application/json")

_SERVER = (b"Server", f"herd/{__version__}".encode())
_TEXT = ("utf-8", "surrogateescape")


class Identities:
    """New request ids. They have to differ, not to be secret: the system is asked for randomness once."""

    def __init__(self) -> None:
        self._random = random.Random(secrets.randbits(256))  # noqa: S311 - see above

    def new(self) -> CallId:
        """RFC 9562 version 7: 48 bits of Unix milliseconds, then random, so that ids sort by time."""
        drawn = self._random.getrandbits(74)
        stamp = "%012x" % (time.time_ns() // 1_000_000)
        tail = "%016x" % (drawn & (1 << 62) - 1 | 1 << 63)
        return CallId(f"{stamp[:8]}-{stamp[8:]}-7{drawn >> 62:03x}-{tail[:4]}-{tail[4:]}")


class Headers:
    """A request's, by name in any case; of a repeated name, the first."""

    __slots__ = ("_values",)

    def __init__(self, head: RequestHead) -> None:
        if len(head.fields) == len(head.headers):
            self._values = head.fields
        else:
            self._values = {name.lower(): value for name, value in reversed(head.headers)}

    def get(self, name: str, default: str | None = None) -> str | None:
        """Its value as text."""
        value = self._values.get(_key(name))
        return default if value is None else value.decode(*_TEXT)


@functools.lru_cache(64)  # of names that are written in the source: a third of the cost of a look
def _key(name: str) -> bytes:
    return name.lower().encode()


class CallerRequest:
    """Every answer by it has its id."""

    __slots__ = ("body_limit", "counted", "exchange", "further", "headers", "id", "path", "principal")

    def __init__(self, exchange: Exchange, identities: Identities, body_limit: int) -> None:
        """`body_limit` in bytes."""
        path = exchange.head.path.decode(*_TEXT)
        self.exchange = exchange
        self.headers = Headers(exchange.head)
        self.path = unquote(path) if "%" in path else path
        self.id = acceptable_call_id(self.headers.get(REQUEST_ID)) or identities.new()
        """The caller's own where it is acceptable, else a new one."""
        self.counted = 0
        """Bytes of its body that `Bodies` counts."""
        self.body_limit = body_limit
        self.principal = STRANGER
        """Who asks; nobody, until the gate has said so."""
        self.further: list[Header] = []
        """Headers that every answer to this caller has, refusals too."""

    @property
    def method(self) -> str:
        """As it came."""
        return self.exchange.head.method.decode(*_TEXT)

    @property
    def remote(self) -> str:
        """The caller's address without a zone: what its calls are counted by."""
        return self.exchange.peer.partition("%")[0]

    @property
    def content_type(self) -> str:
        """In small letters, without parameters; empty where it says none."""
        said = self.exchange.head.get(b"content-type").partition(b";")[0]
        return said.strip().lower().decode(*_TEXT)

    @property
    def length(self) -> int:
        """Of the body in bytes, where its head tells; else 0."""
        return int(self.exchange.head.get(b"content-length", b"0"))

    @property
    def has_body(self) -> bool:
        """Whether its head tells of one."""
        return self.length > 0 or b"transfer-encoding" in self.exchange.head.fields

    async def body(self, counted: Callable[[int], None] = lambda _bytes: None) -> bytes:
        """All of it. Raises BodyTooLarge, CallerFault where it is malformed, and what `counted` raises: it is told how
        many bytes there are by now where the head does not tell.
        """
        limit = self.body_limit
        try:
            if self.length > limit:
                raise TooLarge(limit)
            if b"transfer-encoding" in self.exchange.head.fields:
                return await self._pieces(counted)
            return await self.exchange.body(limit)
        except TooLarge as fault:
            raise BodyTooLarge(f"the request body is larger than {limit} bytes (FLEET_BODY_LIMIT)") from fault
        except BadMessage as fault:
            if fault.status != 400:
                raise
            raise CallerFault(f"the request body cannot be read: {fault}") from fault

    async def _pieces(self, counted: Callable[[int], None]) -> bytes:
        body = bytearray()
        while piece := await self.exchange.read():
            body += piece
            if len(body) > self.body_limit:
                raise TooLarge(self.body_limit)
            counted(len(body))
        return bytes(body)

    def respond(self, status: int, headers: Iterable[Header], body: bytes = b"") -> None:
        """A whole answer, in one write."""
        self.exchange.respond(status, signed([*headers, *self.further], self.id), body)

    def start(self, status: int, headers: Iterable[Header], length: int | None = None) -> None:
        """The head of an answer that comes by `exchange.write` and `exchange.end`; `length` of its body, if known."""
        self.exchange.start(status, signed([*headers, *self.further], self.id), length)


def signed(headers: Iterable[Header], call_id: CallId) -> list[Header]:
    """With the id, and who gives the answer."""
    return [*headers, (b"X-Request-Id", call_id.encode()), _SERVER]


CALLER = web.RequestKey("herd_caller", CallerRequest)
"""Of aiohttp's requests: that which it was made from."""


def caller_of(request: CallerRequest | web.Request) -> CallerRequest:
    """The same, of either kind."""
    return request if isinstance(request, CallerRequest) else request[CALLER]
