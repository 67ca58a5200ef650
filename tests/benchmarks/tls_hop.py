"""What TLS costs between two programs of ours: the same relay with and without it, by turns, in one run."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from shared.http1.limits import Limits
from shared.http1.pool import Address, Pool
from shared.trust.authority import Authority
from shared.trust.contexts import calling
from shared.trust.held import Held
from shared.trust.leaf import new_key, public_of
from tests.benchmarks.http1_load import CALL, CLIENTS, STREAM, cost, cpu_s, program
from tests.benchmarks.http1_proxy import NAME, held

CALLS, STREAMS, CHUNKS = 4_000, CLIENTS, 200
KEPT = 400
"""Connections that are open at once while memory is looked at."""
WHOLE_END, STREAM_END = b'"done":true}', b"\r\n0\r\n\r\n"


class Hop(NamedTuple):
    """The least of some rounds, for both ends of the hop together; `tls` and `plain` of each."""

    call_us: tuple[float, float]
    """CPU of one call."""
    chunk_us: tuple[float, float]
    """CPU of one chunk of a stream."""
    kept_kib: tuple[float, float]
    """Memory of one kept connection, at the end that serves; what it holds towards its own upstream is in it."""

    def lines(self) -> list[str]:
        """For people."""
        named = zip(("CPU us a call", "CPU us a chunk", "KiB a kept connection"), self, strict=True)
        return [
            f"{name:22} plain {plain:8.1f}   TLS {tls:8.1f}   {tls / plain:5.2f} times"
            for name, (tls, plain) in named
        ]


@contextmanager
def certificates() -> Iterator[str]:
    """A directory with those of one member."""
    authority, key = Authority.create(time.time()), new_key()
    own = authority.sign(public_of(key), NAME, now=time.time())
    with tempfile.TemporaryDirectory() as directory:
        for name, content in (
            ("key.pem", key),
            ("own.pem", own),
            ("authority.pem", authority.certificate_pem),
        ):
            Path(directory, name).write_bytes(content)
        yield directory


async def hop(rounds: int = 5) -> Hop:
    """Takes some 30 seconds."""
    with ExitStack() as stack:
        directory = stack.enter_context(certificates())
        _, engine = stack.enter_context(program("http1_engine"))
        ways, kept = [], []
        for tls in (True, False):
            gateway, port = stack.enter_context(
                program("http1_proxy", str(engine), *(("serves", directory) if tls else ()))
            )
            kept.append(await _kept_kib(gateway, port, held(directory) if tls else None))
            caller, front = stack.enter_context(
                program("http1_proxy", str(port), *(("asks", directory) if tls else ()))
            )
            await cost(caller, front, CALL, WHOLE_END, CLIENTS)
            ways.append((gateway, caller, front))
        calls = [[await _spent(*way, CALL, WHOLE_END, CALLS) for way in ways] for _ in range(rounds)]
        chunks = [[await _spent(*way, STREAM, STREAM_END, STREAMS) for way in ways] for _ in range(2)]
    call, plain_call = (min(each) / CALLS * 1e6 for each in zip(*calls, strict=True))
    chunk, plain_chunk = (min(each) / STREAMS / CHUNKS * 1e6 for each in zip(*chunks, strict=True))
    return Hop((call, plain_call), (chunk, plain_chunk), (kept[0], kept[1]))


async def _spent(
    gateway: psutil.Process, caller: psutil.Process, front: int, request: bytes, end: bytes, calls: int
) -> float:
    """CPU seconds of both ends."""
    before = cpu_s(gateway)
    own = await cost(caller, front, request, end, calls)
    return own + cpu_s(gateway) - before


async def _kept_kib(gateway: psutil.Process, port: int, member: Held | None) -> float:
    """All are busy at once, so that none serves twice."""
    tls = calling(member) if member else None
    pool = Pool(Limits(pooled=2 * KEPT, connect_s=60.0), tls)
    address = Address("127.0.0.1", port, tls is not None, NAME if tls else "")
    grown = []
    try:
        for count in (
            KEPT // 4,
            KEPT + KEPT // 4,
        ):  # the first ones make the program as large as it is without them
            asked = [_streamed(pool, address) for _ in range(count)]
            await asyncio.gather(*asked)
            grown.append(gateway.memory_info().rss)
    finally:
        pool.close()
    return (grown[1] - grown[0]) / KEPT / 1024


async def _streamed(pool: Pool, address: Address) -> None:
    body = b'{"stream":true}'
    response = await pool.request(address, b"POST", b"/stream", [], body)
    while await response.read():
        pass
