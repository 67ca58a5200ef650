"""How the gateway mends answers of a server that spells headers in small letters."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from agent.engines import serverlessllm
from agent.engines.openai_server import OpenAIServer
from agent.engines.source import Adopted
from tests.fakes.doubles.running import Door, behind_gateway, engine_session


@asynccontextmanager
async def answering(head: bytes, body: bytes) -> AsyncIterator[str]:
    """Every request with the same bytes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in asked.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
        )
        await reader.readexactly(length)
        writer.write(
            b"HTTP/1.1 " + head + b"\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def door(head: bytes, body: bytes) -> AsyncIterator[Door]:
    async with answering(head, body) as url, engine_session() as session:
        engine = server(url, session)
        async with behind_gateway(engine, session) as opened:
            yield opened


def server(url: str, session: aiohttp.ClientSession) -> OpenAIServer:
    options = serverlessllm.Options(url=url)
    return OpenAIServer(
        "sllm",
        serverlessllm.contract(options),
        Adopted(url),
        lambda ask: serverlessllm.read(options, ask),
        session,
        1.0,
        mending=serverlessllm.MENDING,
    )


async def test_an_error_in_plain_text_becomes_one_in_the_dialect_and_has_its_own_length() -> None:
    async with door(b"500 Oops\r\ncontent-type: text/plain", b"no") as opened:
        status, kind, body = await opened.chat("m", stream=False)
    assert (status, kind, json.loads(body)["error"]["message"]) == (500, "application/json", "no")


async def test_an_error_told_as_a_success_is_an_error() -> None:
    async with door(
        b"200 OK\r\ncontent-type: application/json", b'{"error": "Instance not found"}'
    ) as opened:
        status, kind, body = await opened.chat("m", stream=True)
    assert (status, kind) == (503, "application/json")
    assert json.loads(body)["error"]["message"] == "Instance not found"


async def test_a_whole_answer_becomes_a_stream_by_its_type_too() -> None:
    said = {"object": "chat.completion", "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}
    async with door(b"200 OK\r\ncontent-type: application/json", json.dumps(said).encode()) as opened:
        status, kind, body = await opened.chat("m", stream=True)
        assert (status, kind, body.endswith(b"data: [DONE]\n\n")) == (200, "text/event-stream", True)
        status, kind, body = await opened.chat("m", stream=False)
        assert (status, kind, json.loads(body)) == (200, "application/json", said)
