"""A coordinator that means harm: what a real one tells, with what steers a terminal behind every text."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

HARM = "\x1b]0;OWNED\x07\x1b[2J\x9b31m"


def poisoned(told: Any, spared: frozenset[str], name: str = "") -> Any:
    """With HARM behind each text, but those of the fields that are `spared`."""
    if isinstance(told, str):
        return told if name in spared else told + HARM
    if isinstance(told, dict):
        return {key: poisoned(each, spared, key) for key, each in told.items()}
    return [poisoned(each, spared, name) for each in told] if isinstance(told, list) else told


@contextlib.asynccontextmanager
async def poisoning(address: str, spared: frozenset[str]) -> AsyncIterator[str]:
    """The URL of one that asks the coordinator at `address`. Answers in lines are whole only once they have ended."""

    async def answer(request: web.Request) -> web.Response:
        sent = await request.read()
        kind = {"Content-Type": "application/json"} if sent else {}
        async with session.request(
            request.method, address + request.path_qs, data=sent or None, headers=kind
        ) as came:
            told = await came.read()
            if request.path == "/health" or not told:
                return web.Response(status=came.status, body=told)
            lines = [
                msgspec.json.encode(poisoned(msgspec.json.decode(line), spared)) for line in told.splitlines()
            ]
            return web.Response(status=came.status, body=b"\n".join(lines))

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    async with aiohttp.ClientSession() as session:
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
