"""Calls to engines that keep connections, close them, and break."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from agent.engine_calls import STALE_S, EngineAnswer, EngineCalls, engine_calls
from shared.errors import GatewayUnreachable, StreamBroken
from shared.http1.pool import Address
from tests.shared.http1.peers import Peer, asked, upstream
from tests.shared.http1.test_client import CHUNKED, SIZED

BODY = b'{"model":"m"}'


async def ask(
    calls: EngineCalls, address: Address, body: bytes | AsyncIterator[bytes] = BODY, base: str = ""
) -> EngineAnswer:
    url = f"http://{address.host}:{address.port}{base}"
    length = None if isinstance(body, bytes) else len(BODY)
    return await calls.ask(b"POST", url, b"/api/chat", [(b"X-A", b"1")], body, length)


async def pieces() -> AsyncIterator[bytes]:
    yield BODY[:4]
    await asyncio.sleep(0)
    yield BODY[4:]


async def body_of(peer: Peer) -> bytes:
    head = await asked(peer)
    assert b"content-length: %d\r\n" % len(BODY) in head.lower()
    return await peer.reader.readexactly(len(BODY))


async def answers(peer: Peer) -> None:
    while True:
        assert await body_of(peer) == BODY
        peer.send(SIZED)


async def test_a_connection_serves_one_call_after_the_other() -> None:
    async with upstream(answers) as (upstreams, address), engine_calls(2.0) as calls:
        for _ in range(5):
            answer = await ask(calls, address)
            assert (answer.head.status, await answer.read(), await answer.read()) == (200, b"hello", b"")
        assert len(upstreams.peers) == 1


class Closing:
    """Serves each connection once, and closes it as the next call comes."""

    def __init__(self, after_s: float = 0.0) -> None:
        self.asked = 0
        self._after_s = after_s

    async def __call__(self, peer: Peer) -> None:
        await body_of(peer)
        self.asked += 1
        peer.send(SIZED)
        await body_of(peer)
        self.asked += 1
        await asyncio.sleep(self._after_s)
        peer.close()


async def test_a_kept_connection_that_closes_as_the_call_leaves_is_no_fault() -> None:
    engine = Closing()
    async with upstream(engine) as (upstreams, address), engine_calls(2.0) as calls:
        for _ in range(4):
            assert await (await ask(calls, address)).read() == b"hello"
        assert len(upstreams.peers) == 4


async def test_a_call_that_an_engine_had_for_a_while_is_not_made_again() -> None:
    engine = Closing(STALE_S + 0.2)
    async with upstream(engine) as (upstreams, address), engine_calls(2.0) as calls:
        await (await ask(calls, address)).read()
        with pytest.raises(StreamBroken):
            await ask(calls, address)
        assert (engine.asked, len(upstreams.peers)) == (2, 1)


async def test_an_engine_that_dies_of_a_call_on_a_kept_connection_had_it() -> None:
    async def dies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        await body_of(peer)
        peer.send(SIZED)
        await body_of(peer)
        listening.close()
        peer.reset()

    listening = await asyncio.start_server(dies, "127.0.0.1", 0)
    address = Address("127.0.0.1", listening.sockets[0].getsockname()[1])
    async with engine_calls(2.0) as calls:
        await (await ask(calls, address)).read()
        with pytest.raises(StreamBroken):
            await ask(calls, address)
        with pytest.raises(GatewayUnreachable):
            await ask(calls, address)


async def test_a_body_in_pieces_has_a_connection_of_its_own() -> None:
    async with upstream(Closing()) as (upstreams, address), engine_calls(2.0) as calls:
        for _ in range(3):
            assert await (await ask(calls, address, pieces())).read() == b"hello"
        assert len(upstreams.peers) == 3


async def test_a_call_that_is_given_up_ends_its_connection_at_once() -> None:
    had, gone = asyncio.Event(), asyncio.Event()

    async def silent(peer: Peer) -> None:
        await body_of(peer)
        had.set()
        with contextlib.suppress(ConnectionError):
            await peer.reader.read()
        gone.set()

    async with upstream(silent) as (_, address), engine_calls(2.0) as calls:
        waiting = asyncio.create_task(ask(calls, address))
        await had.wait()
        waiting.cancel()
        async with asyncio.timeout(1.0):
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await gone.wait()


@pytest.mark.parametrize("said", [b"nonsense", b"HTTP/1.1 200 OK\r\nContent-Le", SIZED.replace(b"5", b"x")])
async def test_an_answer_that_is_none_is_a_broken_one(said: bytes) -> None:
    async def speak(peer: Peer) -> None:
        await body_of(peer)
        peer.send(said)
        peer.close()

    async with upstream(speak) as (_, address), engine_calls(2.0) as calls:
        with pytest.raises(StreamBroken) as caught:
            await ask(calls, address)
        assert "nonsense" not in str(caught.value)


async def test_an_answer_that_stops_short_is_a_broken_one() -> None:
    async def half(peer: Peer) -> None:
        await body_of(peer)
        peer.send(CHUNKED + b"5\r\nhello\r\n")
        peer.close()

    async with upstream(half) as (_, address), engine_calls(2.0) as calls:
        answer = await ask(calls, address)
        assert await answer.read() == b"hello"
        with pytest.raises(StreamBroken):
            await answer.read()


async def test_a_base_url_may_have_a_path_and_credentials() -> None:
    heads: list[bytes] = []

    async def speak(peer: Peer) -> None:
        heads.append(await asked(peer))
        peer.send(SIZED)

    async with upstream(speak) as (_, address), engine_calls(2.0) as calls:
        await calls.ask(b"GET", f"http://me:p%40ss@{address.host}:{address.port}/a b", b"/v1/models", [], b"")
    assert heads[0].startswith(b"GET /a%20b/v1/models HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Basic bWU6cEBzcw==\r\n" in heads[0]
    assert b"ontent-" not in heads[0]


async def test_an_engine_that_speaks_no_tls_was_sent_nothing() -> None:
    async def plain(peer: Peer) -> None:
        peer.send(SIZED)

    async with upstream(plain) as (_, address), engine_calls(2.0) as calls:
        with pytest.raises(GatewayUnreachable):
            await calls.ask(b"POST", f"https://localhost:{address.port}", b"/api/chat", [], BODY)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://[::1]:9", "http://no-such-host.invalid:80"])
async def test_where_nobody_listens_nothing_was_sent(url: str) -> None:
    async with engine_calls(2.0) as calls:
        with pytest.raises(GatewayUnreachable):
            await calls.ask(b"POST", url, b"/api/chat", [], BODY)
