"""Whatever comes over whatever route: no fault of ours, no memory that stays."""

import asyncio
import os
import random
import re
from pathlib import Path
from urllib.parse import quote_from_bytes, urlsplit

import psutil
import pytest

from coordinator.access.routes import ROUTES
from tests.conftest import LONG
from tests.fleet.doors import LAN, LOOPBACK, doors, filled

REQUESTS = 100_000 if os.environ.get(LONG) else 1_500
AT_ONCE, ON_ONE = 8, 10
"""Connections, and requests on each."""
GROWTH = 128 * 2**20
ANSWER_S = 30.0
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")

METHODS = ("GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH")
HEADERS = {
    "Origin": ("http://evil.example", "null", "http://localhost", "", "://", "http://[", "x" * 300),
    "Authorization": (
        "Bearer ollama",
        "Bearer sk-herd-",
        "Bearer sk-herd-aaaaaaaa-" + "b" * 43,
        "Basic eDp5",
        "x",
    ),
    "X-Api-Key": ("sk-herd-aaaaaaaa-" + "b" * 43, "sk-x", "", "\xff\xfe"),
    "Content-Type": ("application/json", "text/plain", "application/json; charset=x", ";", "\xe4"),
    "Content-Encoding": ("gzip", "br", "identity"),
    "Cookie": ("herd-session=" + "c" * 43, "__Host-herd-session=; a=b", "\xff;=", "x" * 500),
    "Accept": ("text/html", "*/*"),
    "Sec-Fetch-Site": ("cross-site", "same-origin", "none", "x"),
    "X-Forwarded-For": ("127.0.0.1", "10.0.0.1, ::1"),
    "Forwarded": ("for=127.0.0.1",),
    "X-Fleet-Priority": ("batch", "first"),
    "X-Request-Id": ("one", "\t", "x" * 500),
    "Access-Control-Request-Method": ("POST",),
    "Accept-Encoding": ("gzip",),
}
BODIES = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b'{"model": "m", "messages": [{"role": "user", "content": "x"}]}',
    b'{"model": "evil.example/a/b", "node_id": "x"}',
    b'{"model": 7, "name": [], "options": {"num_ctx": "x"}, "input": {}}',
    b'{"a":' * 3_000,
    b"\xff\xfe\x00",
    b"key=sk-herd-x&key",
)


class Chance:
    """Requests that a seed repeats."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def request(self, host: str) -> bytes:
        """Whole, with its length told."""
        pick = self.random
        route = pick.choice(ROUTES)
        method = route.method if pick.random() < 0.7 else pick.choice(METHODS)
        headers = [
            ("Host", host if pick.random() < 0.9 else pick.choice(("evil.example", "[::1]", "x.local")))
        ]
        chosen = pick.sample(sorted(HEADERS), pick.randrange(5))
        headers.extend((name, pick.choice(HEADERS[name])) for name in chosen)
        body = pick.choice(BODIES) if pick.random() < 0.9 else pick.randbytes(pick.randrange(200))
        lines = [f"{method} {self.path(filled(route))} HTTP/1.1", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body

    def path(self, path: str) -> str:
        """Mostly as it is, without the one that never ends."""
        pick = self.random
        if path == "/fleet/events":
            path = "/fleet/event"
        chance = pick.random()
        if chance < 0.1:
            path += "?" + quote_from_bytes(pick.randbytes(pick.randrange(30)), safe="=&")
        elif chance < 0.2:
            path = path.replace("x", quote_from_bytes(pick.randbytes(pick.randrange(1, 30))), 1)
        elif chance < 0.3:
            at = pick.randrange(1, len(path) + 1)
            path = path[:at] + quote_from_bytes(pick.randbytes(2), safe="/.") + path[at:]
        return path


async def answers(url: str, chance: Chance) -> list[bytes]:
    """The statuses that one connection got; a refusal of an unread body ends it early."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        async with asyncio.timeout(ANSWER_S):
            writer.write(b"".join(chance.request(where.netloc) for _ in range(ON_ONE)))
            writer.write(
                f"GET /health HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: close\r\n\r\n".encode()
            )
            return STATUS.findall(await reader.read(-1))
    except ConnectionResetError:
        return []
    finally:
        writer.close()


@pytest.mark.timeout(1_800)
async def test_fuzzed_requests_find_no_fault_and_leave_nothing(tmp_path: Path) -> None:
    seen: dict[bytes, int] = {}

    async def comes(url: str, seed: int) -> None:
        chance = Chance(seed)
        while sum(seen.values()) < REQUESTS:
            for status in await answers(url, chance):
                seen[status] = seen.get(status, 0) + 1

    async with doors(tmp_path, auto_pull=False, log_level="WARNING") as urls:
        await asyncio.gather(*(answers(urls[LOOPBACK], Chance(seed)) for seed in range(20)))
        before = psutil.Process().memory_info().rss
        async with asyncio.TaskGroup() as group:
            for seed in range(AT_ONCE):
                group.create_task(comes(urls[LAN if seed % 2 else LOOPBACK], 1_000 + seed))
        grown = psutil.Process().memory_info().rss - before
    assert sum(seen.values()) >= REQUESTS
    assert b"500" not in seen, seen
    assert {b"200", b"401", b"403", b"404", b"415", b"421"} <= set(seen), seen
    assert grown < GROWTH, f"{grown / 2**20:.0f} MiB"
