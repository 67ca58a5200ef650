"""The Forwarder before a gateway that the test writes: what is an answer, and what is a failure. Real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from coordinator.core.call import Target
from coordinator.core.node import NotReached
from coordinator.engine_faults import engine_error_text
from coordinator.forward import EngineRequest, Forwarder
from shared.errors import (
    BodyTooLarge,
    Draining,
    EngineBusy,
    EngineCrashed,
    GatewayBroke,
    GatewayUnreachable,
    ModelGone,
    NodeFailure,
    StreamBroken,
)
from shared.names import NodeId
from shared.wire import GATEWAY_FAULT_HEADER

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def gateway(answer: Answer) -> AsyncIterator[tuple[Forwarder, Target]]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    forwarder = Forwarder(connect_timeout_s=2.0, buffer_limit=1000)
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield (
            forwarder,
            Target(NodeId("n1"), "ollama", f"http://127.0.0.1:{runner.addresses[0][1]}", "secret"),
        )
    finally:
        await forwarder.close()
        await runner.cleanup()


def call(*, whole: bool = True) -> EngineRequest:
    return EngineRequest("/api/chat", b"{}", {}, whole=whole)


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (500, {}, NodeFailure),
        (503, {"Retry-After": "7"}, EngineBusy),
        (429, {}, EngineBusy),
        (503, {GATEWAY_FAULT_HEADER: "draining"}, Draining),
        (502, {GATEWAY_FAULT_HEADER: "unreachable"}, NodeFailure),
        (502, {GATEWAY_FAULT_HEADER: "broken"}, StreamBroken),
        (401, {GATEWAY_FAULT_HEADER: "refused"}, GatewayUnreachable),
        (413, {GATEWAY_FAULT_HEADER: "refused"}, BodyTooLarge),
        (404, {GATEWAY_FAULT_HEADER: "refused"}, NodeFailure),
        (200, {}, StreamBroken),
    ],
)
async def test_what_is_a_failure(status: int, headers: dict[str, str], error: type[Exception]) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, headers=headers)

    async with gateway(answer) as (forwarder, target):
        for whole in (True, False):
            with pytest.raises(error) as raised:
                await forwarder.send(target, call(whole=whole))
            assert type(raised.value) is error


async def test_a_redirect_is_not_followed() -> None:
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async with gateway(answer) as (forwarder, target):
        with pytest.raises(NodeFailure):
            await forwarder.send(target, call())
        assert await forwarder.probe(target.node_id, target.gateway, target.secret, 2.0) == NotReached(
            "answered 307", answered=True
        )
    assert seen == ["/engines/ollama/api/chat", "/health"]


@pytest.mark.parametrize(("sent", "told"), [("7", 7), ("99999", 300), ("9" * 5000, 1), ("soon", 1), ("0", 1)])
async def test_an_engines_retry_after_is_kept_within_reason(sent: str, told: int) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": sent})

    async with gateway(answer) as (forwarder, target):
        with pytest.raises(EngineBusy) as raised:
            await forwarder.send(target, call())
        assert raised.value.retry_after == told


async def test_a_whole_answer_that_is_half_is_broken_and_a_4xx_is_an_answer() -> None:
    async def half(_request: web.Request) -> web.Response:
        return web.Response(body=b'{"message": {"content": "hal')

    async def fault(_request: web.Request) -> web.Response:
        return web.Response(status=400, body=b'{"error": "no"}')

    async with gateway(half) as (forwarder, target):
        with pytest.raises(StreamBroken):
            await forwarder.send(target, call())
    async with gateway(fault) as (forwarder, target):
        reply = await forwarder.send(target, call())
        assert (reply.status, await reply.read(), await reply.read()) == (400, b'{"error": "no"}', b"")


@pytest.mark.parametrize(
    ("status", "said", "error"),
    [
        (500, "llama runner process has terminated: exit status 2", EngineCrashed),
        (
            500,
            "model runner has unexpectedly stopped, this may be due to resource limitations",
            EngineCrashed,
        ),
        (500, "model requires more system memory (9.0 GiB) than is available", NodeFailure),
        (404, 'model "m" not found, try pulling it first', ModelGone),
    ],
)
async def test_an_engines_words_tell_a_crash_and_a_missing_model(
    status: int, said: str, error: type[Exception]
) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"error": said}, status=status)

    async with gateway(answer) as (forwarder, target):
        for whole in (True, False):
            with pytest.raises(error, match=said[:20]) as raised:
                await forwarder.infer(target, call(whole=whole))
            assert type(raised.value) is error


async def test_a_missing_path_is_the_engines_answer() -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=404, text="404 page not found")

    async with gateway(answer) as (forwarder, target):
        reply = await forwarder.infer(target, call())
        assert (reply.status, await reply.read()) == (404, b"404 page not found")


async def test_a_connection_that_breaks_is_told_apart_from_one_that_never_was() -> None:
    async def gone(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with gateway(gone) as (forwarder, target):
        with pytest.raises(GatewayBroke, match="n1 broke the connection"):
            await forwarder.send(target, call())
        assert not await forwarder.alive(target, 1.0)
    nobody = Target(NodeId("n1"), "ollama", "http://127.0.0.1:1", "secret")
    forwarder = Forwarder(connect_timeout_s=1.0, buffer_limit=1000)
    with pytest.raises(GatewayUnreachable) as raised:
        await forwarder.send(nobody, call())
    assert type(raised.value) is GatewayUnreachable
    assert not await forwarder.alive(nobody, 1.0)
    await forwarder.close()


@pytest.mark.parametrize(
    ("status", "headers", "alive"),
    [
        (200, {}, True),
        (404, {}, True),
        (500, {}, True),
        (404, {GATEWAY_FAULT_HEADER: "refused"}, True),  # the gateway cannot say
        (502, {GATEWAY_FAULT_HEADER: "unreachable"}, False),
        (502, {GATEWAY_FAULT_HEADER: "broken"}, False),
    ],
)
async def test_any_answer_is_a_sign_of_life(status: int, headers: dict[str, str], alive: bool) -> None:
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.method, request.path))
        return web.Response(status=status, headers=headers)

    async with gateway(answer) as (forwarder, target):
        assert await forwarder.alive(target, 2.0) == alive
    assert asked == [("GET", "/engines/ollama/v1/models")], "never a generation"


async def test_silence_is_none() -> None:
    asked_enough = asyncio.Event()

    async def answer(_request: web.Request) -> web.Response:
        await asked_enough.wait()
        return web.Response()

    async with gateway(answer) as (forwarder, target):
        assert not await forwarder.alive(target, 0.1)
        asked_enough.set()


async def test_an_answer_longer_than_the_buffer_comes_in_pieces() -> None:
    body = b'{"a": "' + b"x" * 300_000 + b'"}'

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body)

    async with gateway(answer) as (forwarder, target):
        reply = await forwarder.send(target, call())
        pieces = []
        while chunk := await reply.read():
            pieces.append(chunk)
        assert b"".join(pieces) == body
        assert len(pieces) > 1


async def test_a_probe_tells_who_answers_from_who_does_not() -> None:
    async def hello(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-another\r\n")
        await writer.drain()
        writer.close()

    forwarder = Forwarder(connect_timeout_s=1.0, buffer_limit=1000)
    server = await asyncio.start_server(hello, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    found = [await forwarder.probe(NodeId("n1"), address, "secret", 2.0)]
    server.close()
    found.append(await forwarder.probe(NodeId("n1"), address, "secret", 2.0))
    await forwarder.close()
    assert found[0] == NotReached("answered, but not in HTTP", answered=True)
    assert found[1] is not None
    assert not found[1].answered


async def test_an_address_that_cannot_be_is_unreachable_not_a_fault_of_ours() -> None:
    forwarder = Forwarder(connect_timeout_s=1.0, buffer_limit=1000)
    for host in ("a..b", ".", "a" * 255):
        target = Target(NodeId("n1"), "ollama", f"http://{host}:1", "secret")
        with pytest.raises(GatewayUnreachable):
            await forwarder.send(target, call())
        problem = await forwarder.probe(target.node_id, target.gateway, "secret", 1.0)
        assert problem is not None
        assert not problem.answered
    await forwarder.close()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error":"no"}', "no"),
        (b'{"error":{"message":"no"}}', "no"),
        (b"<html>", "<html>"),
        (b"", "no reason given"),
        (b'{"error":5}', '{"error":5}'),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_an_engines_words_are_found_in_any_dialect(body: bytes, text: str) -> None:
    assert engine_error_text(body) == text
