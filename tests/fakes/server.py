"""The process around the fake engine: arguments, routes, start and end."""

import argparse
import asyncio
import os
import signal
import sys
import threading
from typing import Any

import msgspec
from aiohttp import web

from tests.fakes import ollama_api, openai_api
from tests.fakes.core import Engine
from tests.fakes.serving import json_response, served
from tests.fakes.switches import Switches

_BODY_LIMIT = 1 << 30
_HANDLER_GRACE_S = 0.05


def application(engine: Engine) -> web.Application:
    """All routes of the fake."""
    app = web.Application(client_max_size=_BODY_LIMIT)
    _add_control(app, engine)
    for method, path, handler in [*ollama_api.ROUTES, *openai_api.ROUTES]:
        if method == "GET":
            app.router.add_get(path, served(engine, handler))
        else:
            app.router.add_route(method, path, served(engine, handler))
    app.router.add_route("*", "/{path:.*}", served(engine, ollama_api.unknown))
    return app


def _add_control(app: web.Application, engine: Engine) -> None:
    async def read_switches(_request: web.Request) -> web.Response:
        return json_response(engine.switches)

    async def set_switches(request: web.Request) -> web.Response:
        try:
            engine.patch(msgspec.json.decode(await request.read(), type=dict[str, Any]))
        except msgspec.DecodeError as error:
            return json_response({"error": str(error)}, 400)
        return json_response(engine.switches)

    async def read_state(_request: web.Request) -> web.Response:
        return json_response(engine.state())

    async def reset(_request: web.Request) -> web.Response:
        engine.reset()
        return json_response({})

    app.router.add_get("/_fake/switches", read_switches)
    app.router.add_post("/_fake/switches", set_switches)
    app.router.add_get("/_fake/state", read_state)
    app.router.add_post("/_fake/reset", reset)


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Sets `stop` at the end of stdin, so that the fake never outlives its test."""

    def read() -> None:
        # Raw reads: a daemon thread inside sys.stdin would hold its lock while Python shuts down.
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=read, daemon=True).start()


async def serve(engine: Engine, host: str, port: int) -> None:
    """Serves until stdin ends or SIGTERM comes."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(
        application(engine), handler_cancellation=True, access_log=None, shutdown_timeout=_HANDLER_GRACE_S
    )
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    reached = host.replace("0.0.0.0", "127.0.0.1")
    address = f"http://{reached}:{runner.addresses[0][1]}"
    sys.stdout.write(msgspec.json.encode({"address": address, "pid": os.getpid()}).decode() + "\n")
    sys.stdout.flush()
    _watch_stdin(loop, stop)
    await stop.wait()
    await runner.cleanup()


def _names(value: str) -> list[str]:
    return [name for name in value.split(",") if name]


def main() -> None:
    """Runs the fake engine as its command line says."""
    parser = argparse.ArgumentParser(description="A fake inference engine for tests.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--models", type=_names, default=["m"])
    parser.add_argument("--loaded", type=_names, default=[])
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--name", default="fakeA")
    chosen = parser.parse_args()
    defaults = Switches(models=chosen.models, loaded=chosen.loaded, slots=chosen.slots)
    asyncio.run(serve(Engine(chosen.name, defaults), chosen.host, chosen.port))
