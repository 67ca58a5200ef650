"""A caller's request: id, headers, the body's limit, and aiohttp's routes answered through it. Real sockets."""

import contextlib
import time
import uuid
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web

from coordinator.requests import CallerRequest, Headers, Identities, caller_of
from coordinator.web_application import WebApplication
from shared.errors import FleetError, MethodNotAllowed
from shared.http1.exchange import Exchange
from shared.http1.heads import RequestHead
from shared.http1.pool import Address
from shared.names import acceptable_call_id
from tests.shared.http1.peers import connected, serving, told

BODY_LIMIT = 1_000


def test_new_ids_differ_and_sort_by_time() -> None:
    identities = Identities()
    before = time.time_ns() // 1_000_000
    made = [identities.new() for _ in range(1_000)]
    after = time.time_ns() // 1_000_000
    assert len(set(made)) == len(made)
    assert len({each[14:] for each in made} & {Identities().new()[14:]}) == 0
    for each in made:
        read = uuid.UUID(each)
        assert (str(read), read.version, read.variant) == (each, 7, uuid.RFC_4122)
        assert before <= read.int >> 80 <= after
        assert acceptable_call_id(each) == each


def test_headers_are_found_in_any_case_and_the_first_of_a_name_counts() -> None:
    headers = Headers(
        RequestHead(b"POST", b"/", [(b"X-A", b"1"), (b"x-B", "ü\udcff".encode("utf-8", "surrogateescape"))])
    )
    assert (headers.get("x-a"), headers.get("X-B"), headers.get("X-C")) == ("1", "ü\udcff", None)
    assert headers.get("X-C", "") == ""
    assert Headers(RequestHead(b"POST", b"/", [(b"X-A", b"1"), (b"x-a", b"2")])).get("X-A") == "1"


@contextlib.asynccontextmanager
async def answered() -> AsyncIterator[Address]:
    """An application of aiohttp's; errors are told by their status alone."""

    async def told_back(request: web.Request) -> web.Response:
        caller = caller_of(request)
        body = (await caller.body()).decode() if caller.has_body else None
        said = {
            "path": caller.path,
            "remote": request.remote,
            "port": request.get_extra_info("sockname")[1],
            "query": dict(request.query),
            "type": caller.content_type,
            "body": body,
        }
        return web.Response(body=msgspec.json.encode(said), content_type="application/json")

    async def in_pieces(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b"one", b"", b"two"):
            await response.write(piece)
        await response.write_eof()
        return response

    app = web.Application()
    app.add_routes(
        [web.get("/pieces", in_pieces), web.get("/{rest:.*}", told_back), web.post("/{rest:.*}", told_back)]
    )
    whole, identities = WebApplication(app), Identities()
    await whole.start()

    async def handle(exchange: Exchange) -> None:
        request = CallerRequest(exchange, identities, BODY_LIMIT)
        try:
            await whole.answer(request)
        except FleetError as error:
            allowed = error.allowed if isinstance(error, MethodNotAllowed) else ""
            request.respond(error.status, [(b"Allow", allowed.encode())])

    try:
        async with serving(handle) as (_, address):
            yield address
    finally:
        await whole.close()


def a_post(length: int, *lines: bytes) -> bytes:
    return b"\r\n".join((b"POST /a HTTP/1.1", b"Host: a", b"Content-Length: %d" % length, *lines, b"", b""))


async def test_a_route_sees_what_the_caller_sent() -> None:
    async with answered() as address, connected(address) as peer:
        peer.send(b"GET /a%20b/c?d=e%26&f=1 HTTP/1.1\r\nHost: a\r\n\r\n")
        seen = msgspec.json.decode((await peer.answer())[1])
        assert seen == {
            "path": "/a b/c",
            "remote": "127.0.0.1",
            "port": address.port,
            "query": {"d": "e&", "f": "1"},
            "type": "",
            "body": None,
        }
        peer.send(a_post(2, b"Expect: 100-continue", b"content-type: Text/Plain; a=b"))
        assert await peer.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.send(b"hi")
        seen = msgspec.json.decode((await peer.answer())[1])
        assert (seen["body"], seen["type"]) == ("hi", "text/plain")
        peer.send(b"HEAD /a HTTP/1.1\r\nHost: a\r\n\r\nGET /pieces HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"\r\nContent-Length: " in await peer.until(b"\r\n\r\n")
        assert (await peer.until(b"\r\n0\r\n\r\n")).endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
        peer.send(b"DELETE /a HTTP/1.1\r\nHost: a\r\n\r\n")
        head, _ = await peer.answer()
        assert head.startswith(b"HTTP/1.1 405 ")
        assert b"\r\nAllow: GET, HEAD, POST\r\n" in head


async def test_of_http_1_0_the_end_of_the_connection_ends_the_body() -> None:
    async with answered() as address:
        said = await told(address, b"GET /pieces HTTP/1.0\r\n\r\n")
        assert said.endswith(b"\r\n\r\nonetwo")
        assert b"chunked" not in said


@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_a_body_beyond_the_limit_is_refused_before_it_is_read(framing: str) -> None:
    async with answered() as address:
        if framing == "length":
            said = await told(address, a_post(10**12, b"Expect: 100-continue"))
        else:
            said = await told(
                address,
                b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"3e9\r\n" + b"x" * 1001,
            )
        assert said.startswith(b"HTTP/1.1 413 ")
        assert b"100 Continue" not in said
