"""A program: the least reverse proxy that `shared.http1` makes. `python -m tests.benchmarks.http1_proxy PORT` prints
its own port; PORT is the upstream's. With SIDE and DIRECTORY it is one end of a hop within TLS, with the certificates
that lie there: `asks` (its upstream) or `serves`.
"""

import asyncio
import socket
import sys
from pathlib import Path

from shared.http1.client import Response
from shared.http1.exchange import Exchange
from shared.http1.faults import BadMessage
from shared.http1.heads import Header, RequestHead
from shared.http1.limits import Limits
from shared.http1.pool import Address, Pool
from shared.http1.server import Server
from shared.trust.contexts import calling, listening
from shared.trust.held import Held
from shared.trust.names import node_name

NAME = node_name("bench")

BODY = 2**20
NOT_ASKED = frozenset((b"host", b"expect"))
NOT_TOLD = frozenset((b"date",))


def refusal(fault: BadMessage, _head: RequestHead | None) -> tuple[list[Header], bytes]:
    return [(b"Content-Type", b"application/json")], b'{"error":"%b"}' % str(fault).encode()


async def poured(response: Response, exchange: Exchange) -> None:
    exchange.push_back(response)
    try:
        await response.pour(lambda data, last: exchange.end(data) if last else exchange.write(data))
    finally:
        exchange.push_back(None)


def held(directory: str) -> Held:
    return Held(*(Path(directory, name).read_bytes() for name in ("key.pem", "own.pem", "authority.pem")))


async def serve(port: int, side: str = "", directory: str = "") -> None:
    asks, serves = side == "asks", side == "serves"
    pool = Pool(Limits(), calling(held(directory)) if asks else None)
    upstream = Address("127.0.0.1", port, asks, NAME if asks else "")
    shown = listening(held(directory), required=True) if serves else None

    async def relay(exchange: Exchange) -> None:
        head, body = exchange.head, await exchange.body(BODY)
        response = await pool.request(upstream, head.method, head.target, head.end_to_end(NOT_ASKED), body)
        try:
            exchange.start(response.head.status, response.head.end_to_end(NOT_TOLD), response.length)
            await poured(response, exchange)
        finally:
            response.close()

    listener = socket.create_server(("127.0.0.1", 0))
    await Server(relay, refusal, Limits(), tls=shown, plain=not serves).listen([listener])
    print(listener.getsockname()[1], flush=True)  # noqa: T201 - whoever started it reads this
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), *sys.argv[2:]))
