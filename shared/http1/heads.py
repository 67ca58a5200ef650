"""One message's head as a value: parsed strictly, serialised safely. Pure.

llhttp reads the lines; what it lets through and RFC 9112 does not is refused here.
"""

import re
from http import HTTPStatus

import httptools

from shared.http1.faults import BadMessage

Header = tuple[bytes, bytes]

END = b"\r\n\r\n"
"""Of a head."""
LONGEST_LENGTH = 18
"""Digits of a Content-Length: no body comes near it, and nothing overflows."""

HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
"""Of one connection only: never passed on."""
FRAMING = frozenset((b"connection", b"content-length", b"transfer-encoding"))
"""Written here alone, by what is known of the body."""
_NOT_PASSED = HOP_BY_HOP | FRAMING

_HOST = re.compile(
    rb"(?:[A-Za-z0-9._~%!$&'()*+;=-]+|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._~-]+)?\])(?::[0-9]{0,5})?"
)
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LINE = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++: [^\r\n\0]*+\r\n"
_RESPONSE_LINES = re.compile(rb"(?:(?!(?i:connection|content-length|transfer-encoding):)%b)*+" % _LINE)
_REQUEST_LINES = re.compile(rb"(?:(?!(?i:connection|content-length|transfer-encoding|host):)%b)*+" % _LINE)
_AUTHORITY_END = re.compile(rb"[/?#]")
_TARGET = re.compile(rb"[!-~]+")
_VERSION = re.compile(rb"[A-Z]+ [!-~]+ HTTP/[0-9](?:\.[0-9])?")
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


class Head:
    """What requests and responses have in common. `headers` in their order, names as they came."""

    __slots__ = ("fields", "headers", "minor")

    def __init__(self, headers: list[Header], minor: int) -> None:
        """`minor`: 1 for HTTP/1.1, 0 for HTTP/1.0."""
        self.headers = headers
        self.minor = minor
        self.fields = _fields(headers)
        """Values by lower-cased name; of a repeated name, joined by commas in their order."""

    def get(self, name: bytes, default: bytes = b"") -> bytes:
        """By lower-cased name."""
        return self.fields.get(name, default)

    @property
    def keeps_alive(self) -> bool:
        """Whether the sender wants the connection to serve another message."""
        if (said := self.fields.get(b"connection")) is None:
            return self.minor == 1
        names = listed(said)
        return b"close" not in names and (self.minor == 1 or b"keep-alive" in names)

    def end_to_end(self, drop: frozenset[bytes] = frozenset()) -> list[Header]:
        """Headers that may be passed on: without those of this connection, the length, and `drop` (lower-cased)."""
        if said := self.fields.get(b"connection"):
            drop = drop | listed(said)
        return [
            header
            for header in self.headers
            if (name := header[0].lower()) not in _NOT_PASSED and name not in drop
        ]


class RequestHead(Head):
    """`target` as it came: a path with its query, or `*`."""

    __slots__ = ("method", "size", "target")

    def __init__(
        self, method: bytes, target: bytes, headers: list[Header], minor: int = 1, size: int = 0
    ) -> None:
        super().__init__(headers, minor)
        self.method = method
        self.target = target
        self.size = size
        """Of its headers in bytes, as they came."""

    @property
    def path(self) -> bytes:
        """Without the query; escapes as they came."""
        return self.target.partition(b"?")[0]


class ResponseHead(Head):
    """The reason phrase is not kept: it means nothing."""

    __slots__ = ("status",)

    def __init__(self, status: int, headers: list[Header], minor: int = 1) -> None:
        super().__init__(headers, minor)
        self.status = status


class _Lines:
    """What llhttp calls back."""

    __slots__ = ("complete", "headers", "target")

    def __init__(self) -> None:
        self.headers: list[Header] = []
        self.target = b""
        self.complete = False

    def on_url(self, part: bytes) -> None:
        """The target."""
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """One line."""
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The empty line."""
        self.complete = True


def parse_request(block: bytes, most_headers: int) -> RequestHead:
    """`block`: all of a head with its empty line. Raises BadMessage (400, 431, 505)."""
    lines = _Lines()
    parser = httptools.HttpRequestParser(lines)
    if not _fed(parser, lines, block):
        raise _bad_request(block)
    method, target, minor = parser.get_method(), lines.target, _minor(block)
    if minor < 0 or block[len(method) + len(target) + 10 : len(method) + len(target) + 12] != b"\r\n":
        raise _bad_request(block)
    _check_number(lines.headers, most_headers)
    size = len(block) - len(method) - len(target) - 14
    if target[:7].lower() == b"http://":
        target = _in_origin_form(target, lines)
    head = RequestHead(method, target, lines.headers, minor, size)
    if target[0] != 0x2F and not (target == b"*" and method == b"OPTIONS"):
        raise BadMessage("the target is no path")
    if target.find(b"#") >= 0:
        raise BadMessage("the target has a fragment")
    _check_host(head)
    return head


def _in_origin_form(target: bytes, lines: _Lines) -> bytes:
    """Of a full address: its path; its host takes the place of what the Host header says (RFC 9112, 3.2.2)."""
    end = _AUTHORITY_END.search(target, 7)
    at = end.start() if end else len(target)
    host, path = target[7:at], target[at:]
    lines.headers = [(name, host if name.lower() == b"host" else value) for name, value in lines.headers]
    return path if path[:1] == b"/" else b"/" + path


def parse_response(block: bytes, most_headers: int) -> ResponseHead:
    """As for a request. Raises BadMessage."""
    lines = _Lines()
    parser = httptools.HttpResponseParser(lines)
    if not _fed(parser, lines, block) or block[:9] not in (b"HTTP/1.1 ", b"HTTP/1.0 "):
        raise BadMessage("not a response in HTTP/1.1")
    status = parser.get_status_code()
    if not 100 <= status <= 999:
        raise BadMessage("not a status")
    _check_number(lines.headers, most_headers)
    return ResponseHead(status, lines.headers, block[7] - 0x30)


def hopeless(data: bytes, limit: int, begins: bytes = b"") -> BadMessage | None:
    """Of a head without its end, or beyond `limit` bytes: why it cannot become one. `begins`: what it has to begin
    with; where that is empty, a method in capitals.
    """
    seen = data[:limit]
    if seen and not (seen.startswith(begins[: len(seen)]) if begins else seen[:1].isupper() or seen == b"\r"):
        return BadMessage("not HTTP/1.1")
    if seen.count(b"\n") != seen.count(b"\r\n"):
        return BadMessage("a line that does not end in CR LF")
    return BadMessage(f"the head is larger than {limit} bytes", 431) if len(data) > limit else None


def _fed(
    parser: "httptools.HttpRequestParser | httptools.HttpResponseParser", lines: _Lines, block: bytes
) -> bool:
    try:
        parser.feed_data(block)
    except httptools.HttpParserUpgrade:
        pass  # an upgrade that was offered and is not taken; CONNECT has no path as its target
    except httptools.HttpParserError:
        return False
    if (
        block.find(b" \r\n") >= 0 or block.find(b"\t\r\n") >= 0
    ):  # `in` tries each as a number first: an exception
        lines.headers = [(name, value.rstrip(b" \t")) for name, value in lines.headers]
    return lines.complete


def _minor(block: bytes) -> int:
    """Of the version in the first line; -1: another one."""
    version = block[block.find(b"\r\n") - 9 : block.find(b"\r\n")]
    if version == b" HTTP/1.1":
        return 1
    return 0 if version == b" HTTP/1.0" else -1


def _bad_request(block: bytes) -> BadMessage:
    line = block.partition(b"\r\n")[0]
    if _VERSION.fullmatch(line) and not line.endswith((b" HTTP/1.1", b" HTTP/1.0")):
        return BadMessage("only HTTP/1.1 and HTTP/1.0 are spoken here", 505)
    return BadMessage("not a request in HTTP/1.1")


def _check_number(headers: list[Header], most: int) -> None:
    if len(headers) > most:
        raise BadMessage(f"more than {most} header lines", 431)


def _check_host(head: RequestHead) -> None:
    """One, and a name or address: who decides by it must not read another one than who passes it on."""
    host = head.fields.get(b"host")
    if host is None:
        if head.minor == 0:
            return
        raise BadMessage("no Host header")
    if not _HOST.fullmatch(host):  # no comma: repeated, it is bad too
        raise BadMessage("a bad Host header")


def _fields(headers: list[Header]) -> dict[bytes, bytes]:
    fields = {name.lower(): value for name, value in headers}
    if len(fields) < len(headers):
        fields.clear()
        for name, value in headers:
            lowered = name.lower()
            fields[lowered] = fields[lowered] + b", " + value if lowered in fields else value
    return fields


def listed(value: bytes) -> frozenset[bytes]:
    """The lower-cased members of a list such as Connection's."""
    return frozenset(member.strip(b" \t") for member in value.lower().split(b","))


def request_line(method: bytes, target: bytes) -> bytes:
    """Raises ValueError where either would not stay one word."""
    if not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise ValueError("a method or target that no request can have")
    return b"%b %b HTTP/1.1\r\n" % (method, target)


def status_line(status: int) -> bytes:
    """With the phrase that is usual."""
    return b"HTTP/1.1 %d %b\r\n" % (status, _REASONS.get(status, b""))


def response_lines(headers: list[Header]) -> bytes:
    """Headers as they are sent, without the empty line.

    Raises ValueError for a line's end in them, for names that none can have, and for those that are written here alone.
    """
    return _lines(headers, _RESPONSE_LINES)


def request_lines(headers: list[Header]) -> bytes:
    """As `response_lines`; Host is written here, too."""
    return _lines(headers, _REQUEST_LINES)


def _lines(headers: list[Header], allowed: re.Pattern[bytes]) -> bytes:
    block = b"".join([b"%b: %b\r\n" % header for header in headers])
    if not allowed.fullmatch(block) or block.count(b"\n") != len(headers):
        raise ValueError("headers that cannot be sent, or are not the caller's to set")
    return block
