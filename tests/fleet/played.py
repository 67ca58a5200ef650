"""An engine that plays its answers byte by byte, as a test wrote them; what is no such chat a fake engine answers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from tests.fakes.control import FakeEngine
from tests.shared.http1.peers import Peer, upstream

CHATS = (b"POST /api/chat ", b"POST /v1/chat/completions ")
WORD = "play:"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
LINE_EVERY_S = 0.01


class Told(NamedTuple):
    """A request as it came. `body` without its chunks."""

    head: bytes
    body: bytes


Play = Callable[[Told, Peer], Awaitable[None]]


def chat(play: str, model: str = "m", *, stream: bool = True, **fields: Any) -> dict[str, Any]:
    """The body of a chat, in either dialect, that is answered by this play."""
    messages = [{"role": "user", "content": WORD + play}]
    return {"model": model, "messages": messages, "stream": stream} | fields


def line(content: str, *, done: bool = False) -> bytes:
    """Of an answer, as Ollama writes it."""
    value: dict[str, Any] = {"model": "m", "created_at": "2026-01-01T00:00:00Z"}
    value |= {"message": {"role": "assistant", "content": content}, "done": done}
    if done:
        value |= {"done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}
    return msgspec.json.encode(value) + b"\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def whole(body: bytes, status: bytes = b"200 OK", head: bytes = b"") -> bytes:
    """An answer with its length. `head`: further lines."""
    length = b"Content-Length: %d\r\n" % len(body)
    return b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\n" + length + head + b"\r\n" + body


def saying(*data: bytes) -> Play:
    """These bytes, and the connection stays."""

    async def play(_told: Told, peer: Peer) -> None:
        peer.send(*data)

    return play


class Steady:
    """Streams that go on until they are told to end. `sent` is the body of each, by its name."""

    def __init__(self) -> None:
        self.sent: dict[str, bytearray] = {}
        self.over = asyncio.Event()

    async def play(self, told: Told, peer: Peer) -> None:
        """A line every few milliseconds, each another."""
        sent = self.sent.setdefault(played(told.body).partition(" ")[2], bytearray())
        peer.send(CHUNKED)
        number = 0
        while not self.over.is_set():
            _say(peer, sent, line(f"{number} "))
            await peer.writer.drain()
            number += 1
            await asyncio.sleep(LINE_EVERY_S)
        _say(peer, sent, line("", done=True))
        peer.send(b"0\r\n\r\n")


def _say(peer: Peer, sent: bytearray, data: bytes) -> None:
    sent += data
    peer.send(chunk(data))


class Played:
    """`told`: each chat that came. `connections`: those that carried one. `address` is its base URL."""

    def __init__(self, fake: FakeEngine, plays: Mapping[str, Play]) -> None:
        self.address = ""
        self.told: list[Told] = []
        self.connections = 0
        self._fake = fake
        self._plays = plays

    async def serve(self, peer: Peer) -> None:
        """One connection, until it ends."""
        carried = False
        while told := await _request(peer.reader):
            name = ""
            if told.head.startswith(CHATS):
                self.told.append(told)
                self.connections += not carried
                carried, name = True, played(told.body)
            if not name:
                await self._passed(told, peer)
                return
            await self._plays[name.partition(" ")[0]](told, peer)
            if peer.writer.is_closing():
                return
            await peer.writer.drain()

    async def _passed(self, told: Told, peer: Peer) -> None:
        host, _, port = self._fake.address.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            line, _, rest = told.head.partition(b"\r\n")
            writer.write(line + b"\r\nConnection: close\r\n" + rest + told.body)
            while data := await reader.read(1 << 16):
                peer.send(data)
        finally:
            writer.close()
            peer.close()


@contextlib.asynccontextmanager
async def playing(plays: Mapping[str, Play], **fake: Any) -> AsyncIterator[Played]:
    """An Ollama that has the model m. `plays` by the first word behind `play:`."""
    async with FakeEngine.run(["m"], loaded=["m"], **fake) as behind:
        engine = Played(behind, plays)
        async with upstream(engine.serve) as (_, at):
            engine.address = f"http://{at.host}:{at.port}"
            yield engine


def played(body: bytes) -> str:
    """What stands behind `play:` in the last message of a chat; empty: nothing does."""
    messages = msgspec.json.decode(body, type=dict[str, Any]).get("messages") or [{}]
    return str(messages[-1].get("content", "")).partition(WORD)[2]


async def _request(reader: asyncio.StreamReader) -> Told | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        fields = head.lower()
        if b"transfer-encoding: chunked" in fields:
            return Told(head, await _chunks(reader))
        length = int(fields.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        return Told(head, await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body
