"""A model registry on a real port: manifests of the models that a test names, and faults."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

import msgspec
from aiohttp import web

MIB = 2**20
CLOSED = "http://127.0.0.1:9"
"""Where no registry answers, at once."""


class FakeRegistry:
    """`models`: sizes in bytes by NAMESPACE/NAME:TAG. The other attributes may be changed while it runs."""

    def __init__(self, address: str, models: Mapping[str, int]) -> None:
        self.address = address
        self.models = dict(models)
        self.asked: Counter[str] = Counter()
        self.accepted: set[str] = set()
        """What was accepted by those who asked."""
        self.status: int | None = None
        """Every answer has it."""
        self.delay_s = 0.0
        self.body: bytes | None = None
        """Every answer is it."""
        self.weights = True
        """Whether the manifests name weights."""

    @classmethod
    @contextlib.asynccontextmanager
    async def run(cls, models: Mapping[str, int] | None = None) -> AsyncIterator[Self]:
        """Serves until the block ends."""
        made = cls("", models or {})
        app = web.Application()
        app.add_routes([web.get("/v2/{repository:[^/]+/[^/]+}/manifests/{tag}", made._manifest)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            made.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield made
        finally:
            await runner.cleanup()

    async def _manifest(self, request: web.Request) -> web.Response:
        name = f"{request.match_info['repository']}:{request.match_info['tag']}"
        self.asked[name] += 1
        self.accepted.add(request.headers.get("Accept", ""))
        await asyncio.sleep(self.delay_s)
        if self.status is not None:
            return web.Response(status=self.status)
        if self.body is not None:
            return web.Response(body=self.body)
        if name not in self.models:
            unknown = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
            return web.Response(status=404, body=msgspec.json.encode(unknown))
        return web.Response(body=msgspec.json.encode(self._told(self.models[name])))

    def _told(self, size: int) -> dict[str, Any]:
        config = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 500}
        text = {"mediaType": "application/vnd.ollama.image.template", "size": 500}
        weights = {"mediaType": "application/vnd.ollama.image.model", "size": size - 1000}
        return {"schemaVersion": 2, "config": config, "layers": [weights, text] if self.weights else [text]}
