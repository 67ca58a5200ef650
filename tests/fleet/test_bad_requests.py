"""Bad HTTP around good bodies: headers, encodings, lengths, methods, addresses."""

import gzip
import zlib
from pathlib import Path

import msgspec

from tests.fleet.bad_input import CHATS, GOOD, OLLAMA, OPENAI, Case, refused_everywhere, trial
from tests.fleet.comparing import last_call
from tests.fleet.raw_http import ask, chunks, request

BODIES = {path: msgspec.json.encode(body | {"stream": False}) for path, body in GOOD.items()}
GZIPPED = (("Content-Encoding", "gzip"),)


def _posts(headers: tuple[tuple[str, str], ...] = (), paths: tuple[str, ...] = CHATS) -> dict[str, bytes]:
    return {path: request("POST", path, BODIES[path], headers) for path in paths}


async def test_too_many_or_too_large_headers(tmp_path: Path) -> None:
    cases = [
        Case("a header of 40 kB", _posts((("X-Big", "x" * 40_000),), tuple(GOOD)), {431}),
        Case("a header of 400 kB", _posts((("X-Big", "x" * 400_000),)), {400, 431}, dialect=False),
        Case(
            "10,000 headers", _posts(tuple((f"X-{n}", "y") for n in range(10_000))), {400, 431}, dialect=False
        ),
        Case("an address of 40 kB", {"/api/": request("GET", "/api/" + "x" * 40_000)}, {404, 414, 431}),
        Case(
            "an address of 400 kB",
            {"/api/": request("GET", "/api/" + "x" * 400_000)},
            {400, 414, 431},
            dialect=False,
        ),
        Case("a header with NUL", _posts((("X-Nul", "a\0b"),)), {400}, dialect=False),
        Case("a header name with a space", _posts((("X Y", "z"),)), {400}, dialect=False),
    ]
    await refused_everywhere(tmp_path, cases)


async def test_bodies_that_are_not_what_the_headers_say(tmp_path: Path) -> None:
    def chunked(path: str, body: bytes, *headers: tuple[str, str]) -> bytes:
        return request("POST", path, b"", (*headers, ("Transfer-Encoding", "chunked"))) + body

    squeezed = {path: gzip.compress(body) for path, body in BODIES.items()}
    bomb = gzip.compress(b'{"model": "m", "prompt": "' + b"x" * 60_000_000 + b'"}', 1)
    both = (("Transfer-Encoding", "chunked"),)
    cases = [
        Case(
            "a chunk size that is no number",
            {path: chunked(path, b"zz\r\n{}\r\n0\r\n\r\n") for path in CHATS},
            {400},
            dialect=False,
        ),
        Case(
            "a chunk longer than its size",
            {path: chunked(path, b"1\r\n{}garbage\r\n0\r\n\r\n") for path in CHATS},
            {400},
            dialect=False,
        ),
        Case(
            "chunks that end early",
            {path: chunked(path, chunks(BODIES[path])[:-7]) for path in CHATS},
            {0, 400},
            half_close=True,
        ),
        Case(
            "a body shorter than Content-Length",
            {path: request("POST", path, BODIES[path], length=10_000) for path in GOOD},
            {0, 400},
            half_close=True,
        ),
        Case(
            "a Content-Length that is no number",
            {path: request("POST", path, BODIES[path], (("Content-Length", "many"),)) for path in CHATS},
            {400},
            dialect=False,
        ),
        Case("chunked and Content-Length", _posts(both), {400}, dialect=False),
        Case("gzip that is none", _posts(GZIPPED, tuple(GOOD)), {400}),
        Case(
            "gzip cut short",
            {path: request("POST", path, squeezed[path][:20], GZIPPED) for path in GOOD},
            {400},
        ),
        Case(
            "deflate that is none",
            _posts((("Content-Encoding", "deflate"),)),
            {400},
        ),
        Case(
            "an unknown Content-Encoding",
            {path: request("POST", path, b"zbqry", (("Content-Encoding", "rot13"),)) for path in CHATS},
            {400, 415},
        ),
        Case("a gzip bomb", {path: request("POST", path, bomb, GZIPPED) for path in CHATS}, {413}),
    ]
    await refused_everywhere(tmp_path, cases)


async def test_wrong_methods_and_addresses(tmp_path: Path) -> None:
    get_only = ("/api/tags", "/api/ps", "/api/version", "/v1/models", "/health", "/ready", "/fleet/status")
    cases = [
        Case(f"{method} on a call", {path: request(method, path) for path in GOOD}, {405}, header="Allow")
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS")
    ]
    cases += [
        Case(
            "POST on a list", {path: request("POST", path, b"{}") for path in get_only}, {405}, header="Allow"
        ),
        Case("GET on the heartbeat", {"/heartbeat": request("GET", "/heartbeat")}, {405}, header="Allow"),
        Case(
            "an unknown address",
            {
                path: request("POST", path, b'{"model": "m"}')
                for path in (
                    "/api/nothing",
                    "/v1/nothing",
                    "/v1/chat",
                    "/nothing",
                    "/api",
                    "/v1",
                    "/api/chat/x",
                )
            },
            {404},
        ),
        Case(
            "a way out",
            {path: request("GET", path) for path in ("/v1/../etc/passwd", "/api/%2e%2e/x")},
            {404},
        ),
        Case("a full address", {"/api/x": request("GET", "http://localhost/api/x")}, {404}),
        Case("a full address elsewhere", {"/api/x": request("GET", "http://else.where/api/x")}, {421}),
        Case("CONNECT", {"/": request("CONNECT", "else.where:443")}, {400, 404, 405}, dialect=False),
    ]
    await refused_everywhere(tmp_path, cases)


async def test_what_is_hardly_http(tmp_path: Path) -> None:
    broken = {
        "no request line": b"hello\r\n\r\n",
        "TLS": bytes.fromhex("16030100a5010000a10303") + b"\0" * 160 + b"\r\n\r\n",
        "no version": b"POST /api/chat\r\n\r\n",
        "a method that is none": b"BREW /api/chat HTTP/1.1\r\nHost: x\r\n\r\n",
        "a version that is none": b"GET /api/tags HTTP/9.9\r\n\r\n",
        "an address with control characters": b"GET /api/\x01\x02 HTTP/1.1\r\nHost: x\r\n\r\n",
        "HTTP/2 at once": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "a port that is none": b"GET http://[::1:99999/ HTTP/1.1\r\nHost: x\r\n\r\n",
    }
    cases = [Case(name, {"/": raw}, {0, 400, 404, 505}, dialect=False) for name, raw in broken.items()]
    cases.append(Case("half a head", {"/": b"POST /api/chat HTTP/1.1\r\nHo"}, {0, 400}, half_close=True))
    cases.append(Case("nothing", {"/": b""}, {0}, half_close=True))
    await refused_everywhere(tmp_path, cases)


async def test_what_is_odd_but_legal(tmp_path: Path) -> None:
    async with trial(tmp_path) as (herd, fake):
        for path, body in BODIES.items():
            reply = await ask(herd.address, request("POST", path, body, version="HTTP/1.0"))
            assert reply.status == 200, (path, reply)
            assert "transfer-encoding" not in reply.headers
            msgspec.json.decode(reply.body)
            squeezed = request("POST", path, gzip.compress(body), GZIPPED)
            assert (await ask(herd.address, squeezed)).status == 200
            squeezed = request("POST", path, zlib.compress(body), (("Content-Encoding", "deflate"),))
            assert (await ask(herd.address, squeezed)).status == 200
            last = await last_call(fake, path)
            assert (last.body, last.header("Content-Encoding")) == (body, None)
        for path in CHATS:
            streamed = msgspec.json.encode(GOOD[path] | {"stream": True})
            reply = await ask(herd.address, request("POST", path, streamed, version="HTTP/1.0"))
            assert (reply.status, reply.headers.get("transfer-encoding")) == (200, None)
            assert b"hello" in reply.body


async def test_a_request_id_that_cannot_be_used_is_replaced(tmp_path: Path) -> None:
    odd = ["has spaces", "semi;colon", "x" * 129, "", "ümlaut", "a/b", '"quoted"', "<b>"]
    async with trial(tmp_path) as (herd, fake):
        for path in CHATS:
            for text in odd:
                raw = request("POST", path, BODIES[path], (("X-Request-Id", text),))
                reply = await ask(herd.address, raw)
                given = reply.headers["x-request-id"]
                assert reply.status == 200
                assert given != text
                assert given[14] == "7", f"{given} is no UUIDv7"
                assert (await last_call(fake, path)).header("X-Request-Id") == given
            for text in ("mine-1", "A.b_C-9", "x" * 128):
                for sent, expected in ((BODIES[path], 200), (b"{}", 400)):
                    reply = await ask(herd.address, request("POST", path, sent, (("X-Request-Id", text),)))
                    assert (reply.status, reply.headers["x-request-id"]) == (expected, text)


assert set(OLLAMA + OPENAI) == set(BODIES)
