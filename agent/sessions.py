"""The two ways in which an agent asks others short questions over HTTP: coordinators, and engines."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from shared.destinations.pinning import Pinned
from shared.destinations.rules import CHOSEN


@asynccontextmanager
async def control_session() -> AsyncIterator[aiohttp.ClientSession]:
    """To coordinators."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=Pinned(CHOSEN)),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity"},
        auto_decompress=False,  # a short answer must not become a long one
    ) as session:
        yield session


@asynccontextmanager
async def engine_session(connect_timeout_s: float) -> AsyncIterator[aiohttp.ClientSession]:
    """To engines: questions of the agent's own, for as long as they take. Calls go by `engine_calls`."""
    async with aiohttp.ClientSession(
        # llama.cpp promises to keep connections and closes them: a pooled one would fail the next question.
        connector=aiohttp.TCPConnector(limit=0, force_close=True, resolver=Pinned(CHOSEN)),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_s),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield session
