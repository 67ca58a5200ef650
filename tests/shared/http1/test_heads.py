import pytest

from shared.http1.faults import BadMessage
from shared.http1.framing import CHUNKED, UNTIL_CLOSE, request_length, response_length
from shared.http1.heads import (
    RequestHead,
    ResponseHead,
    hopeless,
    parse_request,
    parse_response,
    request_line,
    request_lines,
    response_lines,
)

HOST = b"Host: a:1\r\n"


def request(*lines: bytes, first: bytes = b"POST /api/chat HTTP/1.1") -> RequestHead:
    return parse_request(b"\r\n".join([first, b"Host: a:1", *lines, b"", b""]), 8)


def refused(block: bytes) -> int:
    """The status that says so."""
    with pytest.raises(BadMessage) as told:
        request_length(parse_request(block, 8))
    return told.value.status


def test_a_request_is_what_it_says() -> None:
    head = parse_request(
        b"POST /a%20b?c=d HTTP/1.1\r\nHost: a:1\r\nX-A:  b c\t \r\nx-a: d\r\nEmpty:\r\n\r\n", 8
    )
    assert (head.method, head.target, head.path, head.minor) == (b"POST", b"/a%20b?c=d", b"/a%20b", 1)
    assert head.headers == [(b"Host", b"a:1"), (b"X-A", b"b c"), (b"x-a", b"d"), (b"Empty", b"")]
    assert head.get(b"x-a") == b"b c, d"
    assert head.get(b"empty", b"?") == b""
    assert head.get(b"none", b"?") == b"?"


def test_a_response_is_what_it_says() -> None:
    head = parse_response(b"HTTP/1.0 404 Not Here\r\nContent-Length: 3\r\n\r\n", 8)
    assert (head.status, head.minor, head.headers) == (404, 0, [(b"Content-Length", b"3")])
    assert parse_response(b"HTTP/1.1 200\r\n\r\n", 8).status == 200


@pytest.mark.parametrize(
    ("version", "said", "keeps"),
    [
        (b"HTTP/1.1", b"X: y", True),
        (b"HTTP/1.1", b"Connection: close", False),
        (b"HTTP/1.1", b"Connection: x, Close", False),
        (b"HTTP/1.0", b"X: y", False),
        (b"HTTP/1.0", b"Connection: Keep-Alive", True),
        (b"HTTP/1.0", b"Connection: keep-alive, close", False),
    ],
)
def test_who_keeps_a_connection(version: bytes, said: bytes, keeps: bool) -> None:
    assert request(said, first=b"GET / " + version).keeps_alive is keeps


@pytest.mark.parametrize(
    ("target", "path"), [(b"http://b:1/c?d", b"/c?d"), (b"HTTP://b:1", b"/"), (b"http://b:1?d=/", b"/?d=/")]
)
def test_of_a_full_address_the_host_stands_for_that_of_the_header(target: bytes, path: bytes) -> None:
    head = parse_request(b"GET " + target + b" HTTP/1.1\r\nhost: a\r\nX: y\r\n\r\n", 8)
    assert head.target == path
    assert head.headers == [(b"host", b"b:1"), (b"X", b"y")]
    assert head.fields == {b"host": b"b:1", b"x": b"y"}


@pytest.mark.parametrize(
    "block",
    [
        b"GET / HTTP/1.1\nHost: a\n\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX\t: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX(y): b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: b\x1bc\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        b"GET / b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"get / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / RTSP/1.0\r\nHost: a\r\n\r\n",
        b"SOURCE / ICE/1.0\r\nHost: a\r\n\r\n",
        b"GET http:// HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a,b/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET http://a#b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a, b\r\n\r\n",
    ],
)
def test_what_could_be_read_in_two_ways_is_no_request(block: bytes) -> None:
    assert refused(block) == 400


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 3\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3",
        b"Content-Length: 3\r\nContent-Length: 3",
        b"Content-Length: 3\r\nContent-Length: 4",
        b"Content-Length: 3, 3",
        b"Content-Length: +3",
        b"Content-Length: -3",
        b"Content-Length: 0x3",
        b"Content-Length: 3 3",
        b"Content-Length: 1_0",
        b"Content-Length:",
        b"Content-Length: 9999999999999999999",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked, gzip",
        b"Transfer-Encoding: chunked, chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: identity",
        b"Transfer-Encoding: xchunked",
        b'Transfer-Encoding: "chunked"',
        b"Transfer-Encoding: chunked;q=1",
        b"Transfer-Encoding:",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding:\x0bchunked",
    ],
)
def test_a_body_has_one_length(lines: bytes) -> None:
    assert refused(b"POST / HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n\r\n") == 400


def test_the_chunked_coding_is_not_of_http_1_0() -> None:
    assert refused(b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n") == 400


@pytest.mark.parametrize("version", [b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/2", b"HTTP/3.0"])
def test_other_versions_are_named(version: bytes) -> None:
    assert refused(b"GET / " + version + b"\r\nHost: a\r\n\r\n") == 505


def test_too_many_headers_are_named() -> None:
    assert refused(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 8 + b"\r\n") == 431
    most = parse_request(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 7 + b"\r\n", 8)
    assert len(most.headers) == 8


def test_an_upgrade_is_a_request_like_others() -> None:
    head = request(b"Upgrade: websocket", b"Connection: Upgrade", first=b"GET /x HTTP/1.1")
    assert head.get(b"upgrade") == b"websocket"
    assert head.keeps_alive


@pytest.mark.parametrize(
    "host", [b"a", b"a.b-c.local:11435", b"127.0.0.1:1", b"[::1]:1", b"[fe80::1%eth0]:1", b"my_service"]
)
def test_hosts_that_there_are(host: bytes) -> None:
    assert parse_request(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", 8).get(b"host") == host
    assert parse_request(b"OPTIONS * HTTP/1.0\r\n\r\n", 8).target == b"*"


def test_where_a_body_ends() -> None:
    assert request_length(request()) == 0
    assert request_length(request(b"Content-Length: 007")) == 7
    assert request_length(request(b"Transfer-Encoding: Chunked")) == CHUNKED
    chunked, until = ResponseHead(200, [(b"Transfer-Encoding", b"chunked")]), ResponseHead(200, [])
    sized = ResponseHead(200, [(b"Content-Length", b"5")])
    assert [response_length(head, b"GET") for head in (chunked, until, sized)] == [CHUNKED, UNTIL_CLOSE, 5]
    assert [response_length(head, b"HEAD") for head in (chunked, until, sized)] == [0, 0, 0]
    assert response_length(ResponseHead(304, sized.headers), b"GET") == 0
    assert response_length(ResponseHead(204, []), b"GET") == 0


@pytest.mark.parametrize(
    "block",
    [
        b"HTTP/1.1 200 OK\nA: b\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_response(block: bytes) -> None:
    with pytest.raises(BadMessage):
        parse_response(block, 8)


def test_a_connections_own_headers_go_no_further() -> None:
    head = request(
        b"Connection: keep-alive, X-Hop",
        b"X-Hop: 1",
        b"Keep-Alive: 5",
        b"TE: trailers",
        b"Upgrade: h2c",
        b"Content-Length: 3",
        b"X-Kept: 2",
    )
    assert head.end_to_end(frozenset((b"host",))) == [(b"X-Kept", b"2")]


@pytest.mark.parametrize(
    "header",
    [
        (b"X", b"a\r\nY: b"),
        (b"X", b"a\nb"),
        (b"X", b"a\rb"),
        (b"X", b"a\0b"),
        (b"X\r\nY", b"a"),
        (b"X Y", b"a"),
        (b"", b"a"),
        (b"X:", b"a"),
        (b"content-LENGTH", b"1"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Connection", b"close"),
    ],
)
def test_headers_that_would_say_something_else_are_not_sent(header: tuple[bytes, bytes]) -> None:
    for lines in (request_lines, response_lines):
        with pytest.raises(ValueError, match="headers that cannot be sent"):
            lines([(b"A", b"b"), header])


def test_headers_as_they_are_sent() -> None:
    assert response_lines([(b"A", b""), (b"Host", "é".encode())]) == b"A: \r\nHost: \xc3\xa9\r\n"
    with pytest.raises(ValueError, match="headers that cannot be sent"):
        request_lines([(b"hOST", b"x")])


@pytest.mark.parametrize("word", [b"", b"/a b", b"/a\r\nX: y", b"/\xff"])
def test_a_request_line_stays_one(word: bytes) -> None:
    with pytest.raises(ValueError, match="no request can have"):
        request_line(b"GET", word)


def test_what_cannot_become_a_head_is_known_early() -> None:
    assert hopeless(b"GE", 10) is None
    assert hopeless(b"", 10) is None
    assert hopeless(b"\x16\x03", 10) is not None
    assert hopeless(b"GET / H\n", 10) is not None
    assert hopeless(b"HTT", 10, b"HTTP/1.") is None
    assert hopeless(b"HTP", 10, b"HTTP/1.") is not None
    too_long = hopeless(b"GET /" + b"a" * 10, 10)
    assert too_long is not None
    assert too_long.status == 431
