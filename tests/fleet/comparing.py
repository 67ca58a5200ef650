"""The same call through the fleet and straight to the engine: what must be equal."""

import re
from typing import Any

import aiohttp
import msgspec

from tests.fakes.control import FakeEngine
from tests.fakes.counting import RecordedCall
from tests.fleet.harness import Herd

_VARIABLE = re.compile(rb'"(created_at|created|id)":("[^"]*"|\d+)')
HeaderList = dict[str, str]


class Got(msgspec.Struct, frozen=True):
    """One answer."""

    status: int
    headers: HeaderList
    """Names in lower case."""
    body: bytes

    @property
    def steady(self) -> bytes:
        """The body without times and numbers that differ from call to call."""
        return _VARIABLE.sub(rb'"\1":0', self.body)

    def json(self) -> Any:
        """The decoded body."""
        return msgspec.json.decode(self.body)


async def send(
    session: aiohttp.ClientSession,
    url: str,
    body: bytes | None = None,
    *,
    method: str = "POST",
    headers: HeaderList | None = None,
) -> Got:
    """One request, its answer to the end."""
    async with session.request(method, url, data=body, headers=headers) as response:
        answer = {name.lower(): value for name, value in response.headers.items()}
        return Got(response.status, answer, await response.read())


async def asked(
    herd: Herd,
    path: str,
    body: bytes | None = None,
    *,
    method: str = "POST",
    headers: HeaderList | None = None,
) -> Got:
    """Of the coordinator."""
    return await send(herd.session, herd.address + path, body, method=method, headers=headers)


async def last_call(fake: FakeEngine, path: str) -> RecordedCall:
    """What the engine was asked last on that path."""
    return [call for call in (await fake.state()).calls if call.path == path][-1]


async def same_as_direct(herd: Herd, fake: FakeEngine, path: str, body: bytes, method: str = "POST") -> Got:
    """Asks the engine, then the fleet; bytes there, status, type and bytes back must be equal."""
    direct = await send(herd.session, fake.address + path, body, method=method)
    through = await asked(herd, path, body, method=method)
    shown = f"{path} {body[:300]!r}"
    assert (await last_call(fake, path)).body == body, shown
    assert through.status == direct.status, f"{shown}: {through.status} {through.body!r}"
    assert through.steady == direct.steady, shown
    assert through.headers["content-type"] == direct.headers["content-type"], shown
    return through
