"""A program: answers every POST at once with bytes that never change; `/stream` in chunks. Prints its port."""

import asyncio
from typing import cast

WHOLE = b'{"model":"m","message":{"role":"assistant","content":"' + b"x" * 200 + b'"},"done":true}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(WHOLE),
    WHOLE,
)
CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"token"}}]}\n\n'
FRAMED = b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS, EVERY_S = 200, 0.02


class Engine(asyncio.Protocol):
    """Requests with a Content-Length, one at a time, their end seen by its closing brace."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"POST /stream"):
            self.transport.write(STREAM_HEAD)
            self.left = CHUNKS
            self.chunk()
        elif data.endswith(b"}"):
            self.transport.write(ANSWER)

    def chunk(self) -> None:
        self.left -= 1
        self.transport.write(FRAMED if self.left else FRAMED + b"0\r\n\r\n")
        if self.left:
            asyncio.get_running_loop().call_later(EVERY_S, self.chunk)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Engine, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - whoever started it reads this
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
