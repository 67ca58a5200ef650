"""Routes of aiohttp's, asked as the coordinator's own are: each request knows who asks."""

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from coordinator.requests import CallerRequest, Identities
from coordinator.web_application import WebApplication
from shared.http1.exchange import Exchange
from shared.http1.limits import Limits
from shared.http1.server import Server
from shared.serving import serving
from tests.shared.http1.peers import refusal


@contextlib.asynccontextmanager
async def asked(
    app: web.Application, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[tuple[str, int]]:
    """Its address, until the block ends; port 0: any."""
    whole, identities = WebApplication(app), Identities()
    await whole.start()

    async def handle(exchange: Exchange) -> None:
        await whole.answer(CallerRequest(exchange, identities, 0))

    try:
        async with serving(Server(handle, refusal, Limits()), host, port, 0.1) as bound:
            yield bound
    finally:
        await whole.close()
