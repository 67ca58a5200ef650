"""HTTP by hand: what a client library would refuse to send, and the answer as bytes."""

import asyncio
import contextlib
from urllib.parse import urlsplit

import msgspec

ANSWER_S = 20.0
PIECE_BYTES = 1 << 16


class Reply(msgspec.Struct, frozen=True):
    """An answer; `status` 0: the connection ended without one."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


NO_ANSWER = Reply(0, {}, b"")


def request(
    method: str,
    path: str,
    body: bytes = b"",
    headers: tuple[tuple[str, str], ...] = (),
    *,
    length: int | None = None,
    chunked: bool = False,
    version: str = "HTTP/1.1",
) -> bytes:
    """A request that ends its connection. `length`: the Content-Length told, where it is not the true one."""
    lines = [f"{method} {path} {version}", "Host: localhost", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        body = chunks(body)
    elif body or length is not None:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunks(body: bytes) -> bytes:
    """The body in chunked encoding."""
    pieces = [body[start : start + PIECE_BYTES] for start in range(0, len(body), PIECE_BYTES)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


async def ask(address: str, raw: bytes, *, half_close: bool = False) -> Reply:
    """Sends these bytes; the answer to its end. Fails where none ends in time."""
    url = urlsplit(address)
    reader, writer = await asyncio.open_connection(url.hostname, url.port, limit=1 << 20)
    sending = asyncio.create_task(_send(writer, raw, half_close=half_close))
    try:
        async with asyncio.timeout(ANSWER_S):
            return await answer(reader)
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _send(writer: asyncio.StreamWriter, raw: bytes, *, half_close: bool) -> None:
    with contextlib.suppress(ConnectionError):  # refused before all of it was read: the answer says why
        for start in range(0, len(raw), PIECE_BYTES):
            writer.write(raw[start : start + PIECE_BYTES])
            await writer.drain()
        if half_close:
            writer.write_eof()


async def answer(reader: asyncio.StreamReader, *, to_head: bool = False) -> Reply:
    """The next one; those that are interim are left out. `to_head`: it has no body, whatever its head says."""
    status = 100
    while status < 200:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return NO_ANSWER
        status = int(head[0].split()[1])
    fields = [line.partition(":") for line in head[1:] if line]
    headers = {name.lower(): value.strip() for name, _, value in fields}
    return Reply(status, headers, b"" if to_head else await _body(reader, headers))


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        length = headers.get("content-length")
        return await (reader.read() if length is None else reader.readexactly(int(length)))
    pieces = []
    while size := int(await reader.readline(), 16):
        pieces.append((await reader.readexactly(size + 2))[:-2])
    while (await reader.readline()).strip():
        pass  # trailers
    return b"".join(pieces)
