"""A coordinator in this process, and the ways in which somebody may come to it."""

import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from coordinator.access.routes import Route
from coordinator.app import coordinator
from coordinator.config import Settings
from shared.interfaces import own_addresses
from shared.sockets import url_of
from tests.fakes.registry import CLOSED
from tests.fleet.raw_http import Reply, ask

LOOPBACK, LAN = "loopback", "LAN"
FORWARDED = "X-Forwarded-For: 192.168.1.9"


def lan_address() -> str:
    """One of this machine's own: whoever comes by it is not on loopback. Skips where there is none."""
    found = sorted(
        each.ip for each in own_addresses() if each.value.version == 4 and not each.value.is_global
    )
    if not found:
        pytest.skip("this machine has no private IPv4 address")
    return found[0]


@contextlib.asynccontextmanager
async def doors(directory: Path, **settings: Any) -> AsyncIterator[dict[str, str]]:
    """Its base URLs, on loopback and, where this machine has one, by a private address."""
    told: dict[str, Any] = {"mdns": False, "registry_url": CLOSED, "settle_time": 0, "hold_timeout": 0}
    made = Settings(host="0.0.0.0", port=0, data_dir=str(directory), **(told | settings))
    async with coordinator(made, time.monotonic) as running:
        port = urlsplit(running.address).port or 0
        yield {LOOPBACK: url_of("127.0.0.1", port), LAN: url_of(lan_address(), port)}


def filled(route: Route) -> str:
    """A path that its pattern takes."""
    return "/".join("x" if part.startswith("{") else part for part in route.path.split("/"))


async def knock(url: str, method: str, path: str, *headers: str, body: bytes = b"") -> Reply:
    """One request, that ends its connection. `headers`: whole lines."""
    host = [] if any(each.startswith("Host:") for each in headers) else [f"Host: {urlsplit(url).netloc}"]
    length = [f"Content-Length: {len(body)}"] if body else []
    lines = [f"{method} {path} HTTP/1.1", *host, "Connection: close", *length, *headers]
    return await ask(url, "\r\n".join(lines).encode() + b"\r\n\r\n" + body)
