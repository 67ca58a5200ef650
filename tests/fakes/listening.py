"""A web application of aiohttp's on a port of its own: what a fake is served by."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


@asynccontextmanager
async def listening(
    app: web.Application, host: str, port: int, **options: Any
) -> AsyncIterator[tuple[str, int]]:
    """Serves `app` until the block ends; gives the address. `options` go to aiohttp's connection handler."""
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, **options)
    await runner.setup()
    try:
        await web.TCPSite(runner, host or None, port).start()
        yield runner.addresses[0][:2]
    finally:
        await runner.cleanup()
