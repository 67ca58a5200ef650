"""Calls whose end two readers could see at two places: refused, and no byte of them reaches an engine.

What lies behind such a call on its connection is never taken for another. A played engine, real programs.
"""

import asyncio
from pathlib import Path

import msgspec
import pytest

from tests.fleet.played import played, saying, whole
from tests.fleet.smuggled import ALL, HEADS, LOOSE, UNKNOWN_CODINGS
from tests.fleet.test_wire import ONE, Fleet, a_fleet, answered, post
from tests.shared.http1.peers import SOON_S, connected

SAID = saying(whole(ONE))
PATHS = ("/api/chat", "/v1/chat/completions")


@pytest.fixture(scope="module")
def hidden() -> bytes:
    """A good call that lies behind the bad one."""
    return post("hidden") * 3


async def refused(
    fleet: Fleet, path: str, said: tuple[bytes, bytes], hidden: bytes
) -> tuple[int, bytes, bytes]:
    """Status and body of the one answer, and what came behind it."""
    lines, rest = said
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\n%b\r\n" % (path.encode(), lines)
    async with connected(fleet.at, head + rest + hidden) as peer:
        reply = await answered(peer)
        async with asyncio.timeout(SOON_S):
            return reply.status, reply.body, await peer.reader.read()


def reached(fleet: Fleet) -> list[str]:
    return [played(told.body) for told in fleet.engine.told]


@pytest.mark.parametrize(
    "cases",
    [
        pytest.param(HEADS | LOOSE, id="in doubt"),
        pytest.param(UNKNOWN_CODINGS, id="in codings"),
    ],
)
async def test_a_call_whose_end_is_in_doubt_reaches_no_engine_nor_does_what_follows(
    tmp_path: Path, hidden: bytes, cases: dict[str, tuple[bytes, bytes]]
) -> None:
    async with a_fleet(tmp_path, hidden=SAID, smuggled=SAID) as fleet:
        wrong = {}
        for name, said in cases.items():
            for path in PATHS:
                status, body, more = await refused(fleet, path, said, hidden)
                if status != 400 or more or reached(fleet):
                    wrong[name, path] = (status, body, more[:80], reached(fleet))
                fleet.engine.told.clear()
        assert wrong == {}
        async with connected(fleet.at, hidden) as peer:
            assert [(await answered(peer)).body for _ in range(3)] == [ONE] * 3


async def test_it_is_refused_in_the_callers_dialect(tmp_path: Path, hidden: bytes) -> None:
    async with a_fleet(tmp_path, hidden=SAID, smuggled=SAID) as fleet:
        wrong = {}
        for name, said in ALL.items():
            for path in PATHS:
                _, body, _ = await refused(fleet, path, said, hidden)
                if not _in_dialect(path, body):
                    wrong[name, path] = body
        assert wrong == {}


def _in_dialect(path: str, body: bytes) -> bool:
    try:
        error = msgspec.json.decode(body)["error"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return False
    return isinstance(error, dict if path.startswith("/v1") else str)
