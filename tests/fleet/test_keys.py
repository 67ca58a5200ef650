"""Keys of a coordinator that runs: on loopback, too, whoever shows one is judged by it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import openai
import pytest

from coordinator.access.last_use import FILE as LAST_USE
from tests.fakes.control import FakeEngine
from tests.fakes.traces import rows
from tests.fakes.waiting import eventually
from tests.fleet.asking import DIALECTS, PATHS, Dialect, ask, body
from tests.fleet.harness import Herd, fleet_of_fakes
from tests.fleet.keyed import a_key, bearer, key_verb, keys_of

REVOKED_S = 1.0


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    async with FakeEngine.run(["m", "n"], loaded=["m", "n"], slots=8, name="node-1") as engine:
        yield engine


@pytest.fixture
async def herd(tmp_path: Path, fake: FakeEngine) -> AsyncIterator[Herd]:
    async with fleet_of_fakes(tmp_path, [fake], slots=8, bad_keys=1_000) as herd:
        yield herd


async def status_of(herd: Herd, key: str, path: str = "/v1/models") -> int:
    async with herd.session.get(herd.address + path, headers=bearer(key)) as response:
        return response.status


async def accepted(herd: Herd, tmp_path: Path, name: str, *options: str) -> str:
    """A new key that the coordinator knows."""
    key = await a_key(tmp_path, name, *options)
    wanted = "/fleet/status" if "read" in options else "/v1/models"

    async def known() -> bool:
        return await status_of(herd, key, wanted) != 401

    await eventually(known)
    return key


async def test_a_key_that_is_revoked_opens_nothing_within_a_second(herd: Herd, tmp_path: Path) -> None:
    key = await accepted(herd, tmp_path, "guest")
    for dialect in DIALECTS:
        assert (await ask(herd, dialect, headers=bearer(key))).status == 200
        assert (await ask(herd, dialect, headers={"x-api-key": key})).status == 200
    said = await key_verb(tmp_path, "revoke", "guest")
    since = time.monotonic()
    assert (said.code, said.out.split()[0]) == (0, "guest")
    refused = None
    while refused is None:
        with contextlib.suppress(aiohttp.ClientError):  # the one that was under way
            if (reply := await ask(herd, headers=bearer(key))).status == 401:
                refused = reply
        assert time.monotonic() - since < REVOKED_S
    assert "unknown, expired or was revoked" in refused.error
    assert (await ask(herd)).status == 200, "the machine's own caller needs none"


async def test_a_stream_ends_with_its_key(herd: Herd, fake: FakeEngine, tmp_path: Path) -> None:
    key = await accepted(herd, tmp_path, "guest")
    await fake.switch(tokens=1_000, token_delay_s=0.05)
    async with herd.session.post(
        herd.address + "/api/chat", json=body("m", stream=True), headers=bearer(key)
    ) as response:
        assert await response.content.readany()
        assert (await key_verb(tmp_path, "revoke", "guest")).code == 0
        since = time.monotonic()
        with pytest.raises(aiohttp.ClientError):
            async with asyncio.timeout(5):
                await response.read()
        assert time.monotonic() - since < REVOKED_S
    await eventually(herd.idle)
    assert "a fault of ours" not in herd.log.read_text()


async def test_a_made_up_key_is_none_and_any_other_word_is_not_asked_about(herd: Herd) -> None:
    bad = f"sk-herd-abcdefgh-{'A' * 43}"
    refused = await ask(herd, "openai", headers=bearer(bad))
    assert refused.status == 401
    assert bad not in refused.raw.decode()
    for word in ("ollama", "sk-x", "none"):
        assert (await ask(herd, headers=bearer(word))).status == 200


async def test_who_shows_bad_keys_is_slowed_down_and_its_neighbours_with_good_ones_are_not(
    fake: FakeEngine, tmp_path: Path
) -> None:
    good = await a_key(tmp_path, "guest")
    bad = f"sk-herd-abcdefgh-{'A' * 43}"
    async with fleet_of_fakes(tmp_path, [fake], bad_keys=2) as herd:
        replies = [await ask(herd, headers=bearer(bad)) for _ in range(4)]
        assert [reply.status for reply in replies][:3] == [401, 401, 429]
        assert 1 <= int(replies[2].headers["Retry-After"]) <= 30
        assert (await ask(herd, headers=bearer(good))).status == 200


async def test_a_key_may_do_what_its_scopes_say(herd: Herd, tmp_path: Path) -> None:
    calls = await accepted(herd, tmp_path, "calls")
    looks = await accepted(herd, tmp_path, "looks", "--scope", "read")
    assert (await ask(herd, headers=bearer(calls))).status == 200
    assert await status_of(herd, calls, "/fleet/status") == 403
    assert (await ask(herd, headers=bearer(looks))).status == 403
    assert await status_of(herd, looks, "/fleet/status") == 200


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_key_for_some_models_sees_and_asks_no_others(
    herd: Herd, tmp_path: Path, dialect: Dialect
) -> None:
    key = bearer(await accepted(herd, tmp_path, "guest", "--model", "m", "--scope", "infer"))
    assert (await ask(herd, dialect, headers=key)).status == 200
    for model in ("n", "no-such"):
        refused = await ask(herd, dialect, model=model, headers=key)
        assert refused.status == 403
        assert f'the key "guest" may not ask for model "{model}' in refused.error
    with_fallback = {**body("m", stream=False), "fallback_models": ["n"]}
    async with herd.session.post(herd.address + PATHS[dialect], json=with_fallback, headers=key) as response:
        assert response.status == 403


async def test_models_that_a_key_may_not_ask_for_are_in_no_list(herd: Herd, tmp_path: Path) -> None:
    key = bearer(await accepted(herd, tmp_path, "guest", "--model", "m"))

    async def told(path: str) -> str:
        async with herd.session.get(herd.address + path, headers=key) as response:
            return f"{response.status} {await response.text()}"

    async with openai.AsyncOpenAI(base_url=f"{herd.address}/v1", api_key=key["Authorization"][7:]) as client:
        assert [each.id async for each in client.models.list()] == ["m"]
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("n")
    for path in ("/api/tags", "/api/ps"):
        assert '"m"' in await told(path)
        assert '"n"' not in await told(path)
    for model, status in (("m", 200), ("n", 404)):
        async with herd.session.post(
            herd.address + "/api/show", json={"model": model}, headers=key
        ) as response:
            assert response.status == status


async def test_what_keys_did_is_in_the_traces_by_name_and_their_class_counts(
    herd: Herd, tmp_path: Path
) -> None:
    key = await accepted(herd, tmp_path, "night", "--priority", "batch")
    await ask(herd, call_id="by-key", headers=bearer(key) | {"X-Fleet-Priority": "interactive"})
    await ask(herd, call_id="by-owner")
    database = tmp_path / "herd" / "latency.db"
    query = "SELECT request_id, key FROM request_traces ORDER BY request_id"
    await eventually(lambda: len(rows(database, query)) == 2)
    assert rows(database, query) == [
        {"request_id": "by-key", "key": "night"},
        {"request_id": "by-owner", "key": None},
    ]
    usage = await herd.get("/dashboard/api/usage?days=1")
    assert [(each["key"], each["request_count"]) for each in usage["keys"]] == [("night", 1)]
    await eventually((tmp_path / "herd" / LAST_USE).exists, timeout_s=15)
    assert (await keys_of(tmp_path))["night"]["last_used"] is not None
