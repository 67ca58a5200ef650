"""How either program listens for HTTP, and ends a task of its own."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError


@asynccontextmanager
async def listening(
    app: web.Application, host: str, port: int, *, logger: str, header_limit: int, **options: Any
) -> AsyncIterator[tuple[str, int]]:
    """Serves `app` until the block ends; gives the address. Raises OSError where the port is taken.

    `header_limit` in bytes, for one header line; `options` go to aiohttp's connection handler.
    """
    runner = web.AppRunner(
        app,
        handler_cancellation=True,  # a caller that goes away takes its call with it
        access_log=None,
        logger=_quiet_about_callers(logger),
        max_line_size=header_limit,
        max_field_size=header_limit,
        **options,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][:2]
    finally:
        await runner.cleanup()


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Cancels it and waits until it has ended."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


class _CallersFaults(logging.Filter):
    """A caller that does not speak HTTP is no error of ours: a debug line, without a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keeps every record."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            record.msg, record.args = f"{record.getMessage()}: {type(error).__name__}", None
            record.exc_info, record.levelno, record.levelname = None, logging.DEBUG, "DEBUG"
        return True


def _quiet_about_callers(name: str) -> logging.Logger:
    logger = logging.getLogger(name)
    if not logger.filters:
        logger.addFilter(_CallersFaults())
    return logger
