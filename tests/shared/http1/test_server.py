"""One connection's requests and answers, byte by byte."""

import asyncio
import dataclasses
import re

import pytest

from shared.http1.exchange import Exchange
from shared.http1.limits import Limits
from tests.fakes.waiting import eventually
from tests.shared.http1.peers import LIMIT, connected, echo, serving, told

HOST = b"Host: a\r\n"
GET = b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n"
LAST = b"GET /last HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n"
CHUNKED = b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HOST + b"\r\n"
STRICT = Limits(head=400, headers=8, buffered=1_000, linger=10_000)
QUICK = Limits(head_s=0.3, body_s=0.3, idle_s=0.3, linger_s=0.3)


def sized(body: bytes, *lines: bytes) -> bytes:
    return b"\r\n".join(
        [b"POST /s HTTP/1.1", b"Host: a", b"Content-Length: %d" % len(body), *lines, b"", body]
    )


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


async def in_pieces(exchange: Exchange) -> None:
    """Chunk by chunk."""
    exchange.start(200, [])
    while data := await exchange.read():
        exchange.write(data)
        await exchange.drain()
    exchange.end(b"!")


async def test_bodies_of_both_kinds_and_a_connection_that_stays() -> None:
    async with serving() as (_, address), connected(address) as peer:
        for body in (b"hello", b"", b"x" * 300_000):
            peer.send(sized(body))
            head, answer = await peer.answer()
            assert head.startswith(b"HTTP/1.1 200 OK\r\nX-Asked: POST /s\r\nDate: ")
            assert answer == body
            assert b"connection" not in head.lower()
        peer.send(CHUNKED, b"5\r\nhello\r\n1\r\n!\r\n0\r\nX-Trailer: dropped\r\n\r\n")
        assert (await peer.answer())[1] == b"hello!"


async def test_an_answer_in_pieces() -> None:
    async with serving(in_pieces) as (_, address), connected(address) as peer:
        peer.send(CHUNKED, b"5\r\nhello\r\n")
        assert (await peer.until(b"5\r\nhello\r\n")).endswith(
            b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n"
        )
        peer.send(b"1\r\n,\r\n0\r\n\r\n")
        assert await peer.rest() == b"1\r\n,\r\n1\r\n!\r\n0\r\n\r\n"


async def test_requests_ahead_of_their_turn_are_answered_in_order() -> None:
    async with serving() as (_, address):
        answers = await told(address, sized(b"one") + GET + CHUNKED + b"3\r\ntwo\r\n0\r\n\r\n" + LAST)
    assert statuses(answers) == [200] * 4
    order = [answers.index(each) for each in (b"POST /s", b"one", b"GET /a", b"two", b"GET /last")]
    assert order == sorted(order)


async def test_what_comes_ahead_of_its_turn_waits_in_the_socket() -> None:
    """Else one client could have any number of them in memory."""
    go, asked = asyncio.Event(), 0

    async def slow(exchange: Exchange) -> None:
        nonlocal asked
        asked += 1
        await go.wait()
        await echo(exchange)

    async with serving(slow) as (server, address), connected(address) as peer:
        peer.send(GET * 500_000)
        await eventually(lambda: asked == 1)
        (connection,) = server.connections
        await eventually(lambda: peer.unsent > 0)
        assert connection.unread <= 2**18
        assert asked == 1
        go.set()
        for _ in range(100):
            assert b"GET /a" in (await peer.answer())[0]


async def test_a_client_that_waits_for_a_word_gets_it_when_its_body_is_asked_for() -> None:
    go = asyncio.Event()

    async def patient(exchange: Exchange) -> None:
        await go.wait()
        await echo(exchange)

    async with serving(patient) as (_, address), connected(address) as peer:
        peer.send(b"POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n" + HOST + b"\r\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await peer.reader.read(1)
        go.set()
        assert await peer.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.send(b"ok")
        assert (await peer.answer())[1] == b"ok"


async def test_no_word_is_sent_to_who_did_not_wait_or_is_refused() -> None:
    async def refusing(exchange: Exchange) -> None:
        exchange.respond(403, [])

    expecting = b"Expect: 100-continue"
    async with serving() as (_, address):
        assert statuses(await told(address, sized(b"x", expecting, b"Connection: close"))) == [200]
    async with serving(refusing) as (_, address):
        wary = sized(b"", expecting).replace(b"Length: 0", b"Length: 9")
        assert statuses(await told(address, wary)) == [403]


async def test_other_expectations_are_refused() -> None:
    async with serving() as (_, address):
        answer = await told(address, sized(b"x", b"Expect: magic"))
    assert statuses(answer) == [417]
    assert b'"path":"/s"' in answer


async def test_head_is_answered_without_a_body() -> None:
    async def whole(exchange: Exchange) -> None:
        exchange.respond(200, [], b"hello")

    head = GET.replace(b"GET", b"HEAD")
    for handler, length in ((whole, b"Content-Length: 5\r\n"), (in_pieces, b"")):
        async with serving(handler) as (_, address):
            answer = await told(address, head + head.replace(HOST, HOST + b"Connection: close\r\n"))
        assert statuses(answer) == [200, 200]
        assert answer.endswith(b"\r\n\r\n")
        assert b"chunked" not in answer
        assert length in answer


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_that_have_no_body(status: int) -> None:
    async def none(exchange: Exchange) -> None:
        exchange.respond(status, [], b"")

    async with serving(none) as (_, address):
        answer = await told(address, GET + LAST)
    assert statuses(answer) == [status, status]
    assert b"Content-Length" not in answer


async def test_http_1_0() -> None:
    old = b"POST /o HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi"
    kept = old.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n")
    async with serving() as (_, address):
        answer = await told(address, kept + old)
        assert statuses(answer) == [200, 200]
        assert answer.count(b"Connection: keep-alive") == answer.count(b"Connection: close") == 1
    async with serving(in_pieces) as (_, address):
        answer = await told(address, kept)
        assert answer.endswith(b"\r\nConnection: close\r\n\r\nhi!")
        assert b"chunked" not in answer


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n" + HOST + b"\r\n", 400),
        (b"GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 400, 431),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 400 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 8 + b"\r\n", 431),
        (CHUNKED + b"5;a=b\r\nhello\r\n0\r\n\r\n", 400),
        (CHUNKED + b"5\r\nhello!!\r\n0\r\n\r\n", 400),
        (CHUNKED + b"0\r\nContent Length: 5\r\n\r\n", 400),
        (CHUNKED + b"5\nhello\n0\n\n", 400),
    ],
)
async def test_what_is_refused_ends_the_connection(said: bytes, status: int) -> None:
    """Whatever follows it is never taken for a request."""
    async with serving(limits=STRICT) as (_, address):
        for cut in (len(said), len(said) - 2):
            async with connected(address, said[:cut]) as peer:
                await asyncio.sleep(0)
                peer.send(said[cut:] + GET * 20)
                answer = await peer.rest()
            assert statuses(answer) == [status]
            assert b"\r\nConnection: close\r\n" in answer
            assert b'{"error":"' in answer


async def test_an_empty_line_before_a_request_is_none() -> None:
    async with serving() as (_, address), connected(address, GET) as peer:
        await peer.answer()
        for byte in b"\r\n" + LAST:
            peer.send(bytes((byte,)))
            await asyncio.sleep(0)
        assert statuses(await peer.rest()) == [200]


async def test_a_body_that_is_too_large_is_refused_and_its_rest_not_read() -> None:
    async def small(exchange: Exchange) -> None:
        exchange.respond(200, [], await exchange.body(1_000))

    async with serving(small) as (_, address):
        for said in (sized(b"x" * 1_001), CHUNKED + b"3e9\r\n" + b"x" * 1_001 + b"\r\n0\r\n\r\n"):
            answer = await told(address, said + GET)
            assert statuses(answer) == [413]
            assert b'"path":"/' in answer
        assert statuses(await told(address, sized(b"x" * 1_000, b"Connection: close"))) == [200]


async def test_a_refusal_is_read_although_the_body_still_comes() -> None:
    """To close at once would reset the connection under the answer."""

    async def refusing(exchange: Exchange) -> None:
        exchange.respond(403, [])

    async with serving(refusing) as (_, address), connected(address) as peer:
        body = b"x" * LIMIT
        peer.send(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n" % (2 * len(body)) + HOST + b"\r\n", body)
        assert (await peer.answer())[0].startswith(b"HTTP/1.1 403")
        assert await peer.rest() == b""


async def test_a_handler_of_ours_that_fails_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    async def fails(exchange: Exchange) -> None:
        if exchange.head.path == b"/a":
            raise LookupError("ours")

    async with serving(fails) as (_, address):
        assert statuses(await told(address, GET)) == [500]
        assert statuses(await told(address, LAST)) == [500]
    assert caplog.text.count("a fault of ours") == 2


@pytest.mark.parametrize("written", [b"", b"ab"])
async def test_a_part_never_looks_like_the_whole(written: bytes) -> None:
    async def short(exchange: Exchange) -> None:
        exchange.start(200, [], 5)
        exchange.write(written)
        exchange.end(b"c")

    async with serving(short) as (_, address), connected(address, GET) as peer:
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await peer.answer()


async def test_an_answer_has_no_more_than_it_told() -> None:
    async def long(exchange: Exchange) -> None:
        exchange.start(200, [], 1)
        with pytest.raises(ValueError, match="more bytes"):
            exchange.write(b"ab")
        exchange.end(b"a")
        with pytest.raises(RuntimeError):
            exchange.write(b"b")
        with pytest.raises(RuntimeError, match="one head"):
            exchange.start(200, [])

    async with serving(long) as (_, address):
        assert (await told(address, LAST)).endswith(b"\r\n\r\na")


@pytest.mark.parametrize(
    ("said", "status"), [(b"GET / HT", 408), (sized(b"x").removesuffix(b"x"), 408), (b"", 0), (GET, 200)]
)
async def test_who_is_silent_does_not_keep_a_connection(said: bytes, status: int) -> None:
    async with serving(limits=QUICK) as (server, address):
        answer = await told(address, said)
        assert statuses(answer) == ([status] if status else [])
        await eventually(lambda: not server.connections)


async def test_a_client_that_drips_its_head_is_not_waited_for() -> None:
    patient = dataclasses.replace(QUICK, idle_s=60.0)
    async with serving(limits=patient) as (_, address), connected(address) as peer:
        answer = asyncio.create_task(peer.rest())
        for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 100:
            if answer.done():
                break
            peer.send(bytes((byte,)))
            await asyncio.sleep(0.02)
        assert statuses(await answer) == [408]


async def test_both_kinds_of_address() -> None:
    async with serving(host="::1") as (_, address):
        assert statuses(await told(address, LAST)) == [200]
