"""Ways around what a key may do, and around the bounds of what is kept for callers: each leads nowhere."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import DIALECTS, ask, body
from tests.fleet.doors import knock
from tests.fleet.harness import Herd, fleet_of_fakes
from tests.fleet.keyed import a_key, bearer
from tests.fleet.logging_in import known_key
from tests.fleet.raw_http import Reply, request
from tests.fleet.raw_http import ask as sent

JSON = "Content-Type: application/json"
NAMING = (
    *("/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/api/show"),
    *("/v1/chat/completions", "/v1/completions", "/v1/embeddings"),
)
SPELT = (b'"Model"', b'"MODEL"', b'"mod\\u0045l"', b'"NAME"')
"""As Go's decoder takes `model` and `name`, the last of them."""
LONG = "x" * 60_000


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    async with FakeEngine.run(["abc-1", "abc-2"], loaded=["abc-1", "abc-2"], name="node-1") as engine:
        yield engine


@pytest.fixture
async def herd(tmp_path: Path, fake: FakeEngine) -> AsyncIterator[Herd]:
    async with fleet_of_fakes(tmp_path, [fake], slots=4, bad_keys=1_000) as herd:
        yield herd


async def posted(herd: Herd, path: str, content: bytes, key: str = "") -> Reply:
    shown = (f"Authorization: Bearer {key}",) if key else ()
    return await knock(herd.address, "POST", path, JSON, *shown, body=content)


async def test_another_spelling_of_a_field_asks_no_engine_for_another_model(
    herd: Herd, fake: FakeEngine, tmp_path: Path
) -> None:
    guest = await known_key(tmp_path, herd.address, "free", "infer")
    assert (await posted(herd, "/api/chat", b'{"model": "abc-1", "Model": "abc-2"}', guest)).status == 200
    guest = await limited(herd, tmp_path, "abc-1")
    before = await worked(fake)
    for path in NAMING:
        for spelt in SPELT:
            hidden = b'{"model": "abc-1", "prompt": "p", "input": "i", %b: "abc-2"}' % spelt
            refused = await posted(herd, path, hidden, guest)
            assert (refused.status, b"small letters" in refused.body) == (400, True), (path, refused)
    assert await worked(fake) == before
    said = b'{"model": "abc-1", "prompt": "p", "input": "i", "Options": {}, "models": []}'
    for path in ("/api/generate", "/api/show"):
        assert (await posted(herd, path, said, guest)).status == 200, path


async def worked(fake: FakeEngine) -> int:
    """How many calls have come to the engine."""
    return len(
        [each for each in (await fake.state()).calls if each.path in NAMING and each.path != "/api/show"]
    )


async def limited(herd: Herd, tmp_path: Path, *models: str) -> str:
    """A key for these models, that counts."""
    key = await a_key(tmp_path, "guest", *(word for each in models for word in ("--model", each)))

    async def counts() -> bool:
        return (await knock(herd.address, "GET", "/v1/models", f"X-Api-Key: {key}")).status == 200

    await eventually(counts)
    return key


async def test_another_spelling_pulls_from_no_other_registry(
    herd: Herd, fake: FakeEngine, tmp_path: Path
) -> None:
    works = await known_key(tmp_path, herd.address, "works", "operate")
    for hidden in (b'"Model": "evil.example/a/b"', b'"NAME": "evil.example/a/b"', b'"Insecure": true'):
        for key in (works, ""):
            refused = await posted(herd, "/api/pull", b'{"model": "abc-1", %b}' % hidden, key)
            assert (refused.status, b"small letters" in refused.body) == (400, True), refused
            deletes = (herd.address, "DELETE", "/api/delete", JSON)
            refused = await knock(*deletes, body=b'{"model": "abc-1", %b}' % hidden)
            assert refused.status == 400
    asked = set((await fake.state()).by_path)
    assert not {"/api/pull", "/api/delete"} & asked


@pytest.mark.parametrize("auto_pull", [False, True], ids=["as it is", "with pulls"])
async def test_a_refusal_names_no_model_that_a_key_may_not_ask_for(
    tmp_path: Path, fake: FakeEngine, auto_pull: bool
) -> None:
    async with fleet_of_fakes(tmp_path, [fake], auto_pull=auto_pull, bad_keys=1_000) as herd:
        guest = await limited(herd, tmp_path, "abc-1*")
        for dialect in DIALECTS:
            owners = await ask(herd, dialect, model="abc-11")
            assert (owners.status, "abc-2" in owners.error) == (404, True), owners.error
            guests = await ask(herd, dialect, model="abc-11", headers=bearer(guest))
            assert (guests.status, "abc-2" in guests.error) == (404, False), guests.error
            assert 'model "abc-11" not found' in guests.error
            assert ("; " in guests.error) == auto_pull, "why it is not pulled is still told"


async def test_bodies_in_pieces_are_counted_as_they_come(tmp_path: Path, fake: FakeEngine) -> None:
    said = body("abc-1", stream=False) | {"messages": [{"role": "user", "content": LONG}]}
    whole = msgspec.json.encode(said)
    async with fleet_of_fakes(tmp_path, [fake], bodies_limit=100_000, slots=4) as herd:
        url = urlsplit(herd.address)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        head = f"POST /api/chat HTTP/1.1\r\nHost: localhost\r\n{JSON}\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head.encode() + b"%x\r\n%b" % (len(whole), whole[:-1]))

        async def refused(raw: bytes) -> bool:
            reply = await sent(herd.address, raw)
            assert reply.status in (200, 503), reply
            return reply.status == 503

        told = (("Content-Type", "application/json"),)
        pieces = request("POST", "/api/chat", whole, told, chunked=True)
        packed = request("POST", "/api/chat", gzip.compress(whole), (*told, ("Content-Encoding", "gzip")))
        for raw in (request("POST", "/api/chat", whole, told), pieces, packed):
            await eventually(partial(refused, raw))
        writer.write(whole[-1:] + b"\r\n0\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
        for raw in (pieces, packed):
            await eventually(partial(served, herd, raw))


async def served(herd: Herd, raw: bytes) -> bool:
    return (await sent(herd.address, raw)).status == 200
