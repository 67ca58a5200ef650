"""A model that nobody has is pulled once, and whoever asked for it is answered. Real programs, a fake registry."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.fakes.control import FakeEngine
from tests.fakes.registry import MIB, FakeRegistry
from tests.fakes.waiting import eventually
from tests.fleet.asking import Reply, ask, together
from tests.fleet.comparing import asked, last_call
from tests.fleet.harness import Herd, fleet_of_fakes

NEW, SIZE = "library/new:7b", 64 * MIB
FAST_S = 3.0
"""A refusal that waits for nothing."""


@asynccontextmanager
async def fleet(
    tmp_path: Path, *fakes: FakeEngine, slots: int = 4, **settings: Any
) -> AsyncIterator[tuple[Herd, FakeRegistry]]:
    """A fleet with a registry that knows `new:7b`."""
    settings.setdefault("settle_time", 0)
    async with (
        FakeRegistry.run({NEW: SIZE}) as registry,
        fleet_of_fakes(
            tmp_path, fakes, slots=slots, **({"registry_url": registry.address} | settings)
        ) as herd,
    ):
        yield herd, registry


async def pulls(fake: FakeEngine) -> int:
    """How often it was told to pull."""
    return (await fake.state()).by_path.get("/api/pull", 0)


async def pull_shown(herd: Herd) -> dict[str, Any]:
    """The newest of `pulls` in /fleet/status; empty: none."""
    found = (await herd.get("/fleet/status"))["pulls"]
    return found[0] if found else {}


async def quick(herd: Herd, model: str) -> Reply:
    """A call that must be refused at once."""
    began = time.monotonic()
    reply = await ask(herd, model=model)
    assert time.monotonic() - began < FAST_S, reply.raw
    return reply


async def test_one_pull_for_twenty_waiters_and_all_are_answered(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], name="node-1", slots=2, pull_bytes=SIZE, pull_delay_s=0.1) as first,
        FakeEngine.run(["m"], name="node-2", slots=2, pull_bytes=SIZE, pull_delay_s=0.1) as second,
        fleet(tmp_path, first, second, slots=2, hold_timeout=0.5) as (herd, registry),
    ):
        calls = asyncio.gather(
            *(
                ask(herd, "ollama" if n % 2 else "openai", stream=n % 3 == 0, model="new:7b")
                for n in range(20)
            )
        )

        async def halfway() -> bool:
            shown = await pull_shown(herd)
            return bool(shown.get("completed"))

        await eventually(halfway)
        shown = await pull_shown(herd)
        assert (shown["model"], shown["stage"], shown["total"]) == ("new:7b", "pulling", SIZE)
        assert (0 < shown["percent"] <= 100, shown["waiters"], shown["error"]) == (True, 20, "")
        assert shown["eta_s"] is not None

        replies = await calls
        assert [reply.status for reply in replies] == [200] * 20, [reply.raw for reply in replies]
        assert {reply.node for reply in replies} == {shown["node_id"]}
        assert await pulls(first) + await pulls(second) == 1
        assert registry.asked == {NEW: 1}
        assert registry.accepted == {"application/vnd.docker.distribution.manifest.v2+json"}
        assert (await pull_shown(herd))["stage"] == "done"
        assert (await ask(herd, model="new:7b")).status == 200


async def test_embeddings_wait_for_a_pull_too_and_fallbacks_come_first(tmp_path: Path) -> None:
    async with FakeEngine.run(["m"], name="node-1") as fake, fleet(tmp_path, fake) as (herd, registry):
        body = msgspec.json.encode({"model": "new:7b", "fallback_models": ["m"], "messages": []})
        fallen = await asked(herd, "/api/chat", body)
        assert (fallen.status, fallen.headers["x-fleet-served-model"]) == (200, "m")
        assert not registry.asked
        embedded = await asked(herd, "/api/embed", b'{"model": "new:7b", "input": "x"}')
        assert (embedded.status, await pulls(fake)) == (200, 1), embedded.body
        sent = msgspec.json.decode((await last_call(fake, "/api/pull")).body)
        assert sent == {"model": "new:7b", "stream": True}


async def test_a_name_that_the_registry_does_not_know_is_a_fast_404(tmp_path: Path) -> None:
    async with FakeEngine.run(["mist"], name="node-1") as fake, fleet(tmp_path, fake) as (herd, registry):
        for _ in range(3):
            for dialect in ("ollama", "openai"):
                began = time.monotonic()
                reply = await ask(herd, dialect, model="mistt")
                assert time.monotonic() - began < FAST_S
                assert reply.status == 404
                assert reply.error.startswith('model "mistt" not found, try pulling it first; near: mist')
                assert "does not know it" in reply.error
        assert registry.asked == {"library/mistt:latest": 1}, "its answer counts for a while"
        registry.weights = False
        assert "only its maker's servers do" in (await quick(herd, "new:7b")).error
        cases = {
            "hf.co/u/m:Q4": "models of hf.co are not pulled by themselves (FLEET_REGISTRY_HOSTS)",
            "a/b/c/d": "no registry can have a model of that name",
            "../../etc": "no registry can have a model of that name",
        }
        for name, said in cases.items():
            reply = await quick(herd, name)
            assert (reply.status, said in reply.error) == (404, True), reply.raw
        assert await pulls(fake) == 0


async def test_a_registry_that_is_down_costs_one_wait(tmp_path: Path) -> None:
    async with FakeEngine.run(["m"], name="node-1") as fake:
        async with fleet(tmp_path / "slow", fake, registry_timeout=0.5) as (herd, registry):
            registry.delay_s = 5.0
            first = await ask(herd, model="new:7b")
            assert (first.status, "no answer within 0.5 s" in first.error) == (404, True), first.raw
            for number in range(10):
                assert (await quick(herd, f"new{number}")).status == 404
            assert registry.asked.total() == 1
        async with fleet(tmp_path / "off", fake, auto_pull=False) as (herd, registry):
            reply = await quick(herd, "new:7b")
            assert reply.error == 'model "new:7b" not found, try pulling it first'
            assert not registry.asked
        assert await pulls(fake) == 0


async def test_what_is_too_large_or_not_allowed_is_refused_with_its_numbers(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], name="node-1") as fake,
        fleet(tmp_path, fake, auto_pull_max_gb=10_000, auto_pull_allow="big*,new", auto_pulls_per_hour=1) as (
            herd,
            registry,
        ),
    ):
        registry.models |= {"library/big:1": 2**43, "library/big:2": 2**44, "library/big:3": SIZE}
        reply = await quick(herd, "big:1")
        assert reply.status == 404
        assert "no node has room for it: node-1 has " in reply.error
        assert "9830.4 GiB are needed" in reply.error
        reply = await quick(herd, "big:2")
        assert "it has 16384.0 GiB, FLEET_AUTO_PULL_MAX_GB allows 10000.0 GiB" in reply.error
        assert "FLEET_AUTO_PULL_ALLOW does not let it be pulled" in (await quick(herd, "other")).error
        assert "library/other:latest" not in registry.asked
        assert (await ask(herd, model="new:7b")).status == 200
        assert "1 models were pulled within the last hour" in (await quick(herd, "big:3")).error
        assert await pulls(fake) == 1


async def test_a_caller_that_waits_too_long_is_told_how_far_it_is_and_the_pull_goes_on(
    tmp_path: Path,
) -> None:
    async with (
        FakeEngine.run(["m"], name="node-1", pull_bytes=SIZE, pull_delay_s=0.3) as fake,
        fleet(tmp_path, fake, auto_pull_timeout=1.5, hold_timeout=0.2) as (herd, _),
    ):
        reply = await ask(herd, model="new:7b")
        assert reply.status == 503
        assert 'model "new:7b" is being pulled onto node-1: ' in reply.error
        assert " % of 64.0 MiB" in reply.error
        assert "the pull goes on" in reply.error
        assert 1 <= int(reply.headers["Retry-After"]) <= 300

        async def done() -> bool:
            return bool((await pull_shown(herd))["stage"] == "done")

        await eventually(done)
        assert (await ask(herd, model="new:7b")).status == 200
        assert await pulls(fake) == 1


async def test_a_pull_that_fails_is_tried_on_one_other_node(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], name="node-1", pull_error="write /blobs: no space left on device") as first,
        FakeEngine.run(["m"], name="node-2", pull_error="digest mismatch") as second,
        fleet(tmp_path, first, second) as (herd, registry),
    ):
        replies = await together(*(ask(herd, model="new:7b") for _ in range(5)))
        for reply in replies:
            assert reply.status == 404
            assert "it could not be pulled: " in reply.error
            assert "no space left on device" in reply.error
            assert "digest mismatch" in reply.error
        assert (await pulls(first), await pulls(second)) == (1, 1)
        assert (await quick(herd, "new:7b")).status == 404, "not begun anew for a while"
        assert (await pull_shown(herd))["stage"] == "failed"

        registry.models["library/other:latest"] = SIZE
        await first.switch(pull_error=None, fail_paths=["/api/pull"], reset_after_chunks=3)
        await second.switch(pull_error=None)
        assert (await ask(herd, model="other")).node == "node-2"
