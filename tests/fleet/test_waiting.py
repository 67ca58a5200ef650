"""Waiting on real programs: one load for a cold model, fair shares, classes, and what callers are told. Fakes."""

import asyncio
import hashlib
import random
import statistics
import time
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.steal import again_where_stolen
from tests.fakes.waiting import eventually
from tests.fleet.asking import DIALECTS, Reply, ask, body, together
from tests.fleet.harness import Herd, fleet_of_fakes

KEYS = {"flood-secret": "batch flood", "light-secret": "batch light"}
AGEING_S = 1.0
FLOOD, LIGHT = ({"Authorization": f"Bearer {key}"} for key in KEYS)


def keys_file(directory: Path) -> Path:
    """Both keys in one class, so that only the share decides."""
    path = directory / "keys"
    lines = (f"{hashlib.sha256(key.encode()).hexdigest()} {rest}" for key, rest in KEYS.items())
    path.write_text("\n".join(["# who is who", *lines]))
    return path


async def has_held(herd: Herd, at_least: int) -> bool:
    """Whether so many wait, or more: some may have been served since the first came."""
    return await herd.held() >= at_least


async def held(herd: Herd, count: int) -> bool:
    """Whether so many wait."""
    return await herd.held() == count


async def timed(herd: Herd, headers: dict[str, str]) -> tuple[float, float]:
    """Seconds to the first byte of a streamed chat, and from there to its end."""
    started = time.monotonic()
    url = f"{herd.address}/api/chat"
    async with herd.session.post(url, json=body("m", stream=True), headers=headers) as response:
        assert response.status == 200
        await response.content.readany()
        first = time.monotonic()
        await response.read()
    return first - started, time.monotonic() - first


async def mean_times(
    herd: Herd, headers: dict[str, str], calls: int, pause_s: float = 0.0
) -> tuple[float, float]:
    """Of calls made one after the other, each after a pause of up to twice `pause_s`."""
    times, draw = [], random.Random(1)
    for _ in range(calls):
        await asyncio.sleep(draw.uniform(0, 2 * pause_s))
        times.append(await timed(herd, headers))
    first, rest = zip(*times, strict=True)
    return statistics.mean(first), statistics.mean(rest)


@pytest.mark.alone
@pytest.mark.parametrize("policy", ["weighted", "predictive"])
@again_where_stolen
async def test_two_hundred_calls_to_a_cold_model_make_one_load(tmp_path: Path, policy: str) -> None:
    """Three nodes have it on disk; it is loaded on one. While it loads, whoever asks is told what waits for what.

    The queue is done sooner than a second load would be: where it is not, a second load is right.
    """
    fakes = [
        FakeEngine.run(["m"], slots=64, name=f"node-{n}", load_s=4, token_delay_s=0.002) for n in (1, 2, 3)
    ]
    async with (
        fakes[0] as first,
        fakes[1] as second,
        fakes[2] as third,
        fleet_of_fakes(tmp_path, [first, second, third], slots=4, policy=policy) as herd,
    ):

        async def loads() -> list[int]:
            return [(await fake.state()).loads for fake in (first, second, third)]

        calls = [asyncio.create_task(ask(herd, stream=bool(n % 2))) for n in range(200)]
        await eventually(lambda: held(herd, 196))
        queue = await herd.get("/fleet/queue")
        assert [each["position"] for each in queue["calls"]] == list(range(196))
        assert {each["waits_for"] for each in queue["calls"]} == {
            f"m:latest, which is being loaded on {next(iter(await placed_on(herd)))}"
        }
        assert all(0 < each["expected_wait_s"] < 30 for each in queue["calls"])
        assert sum(await loads()) <= 1, "while it is being loaded"
        replies = await together(*calls)
        assert [reply.status for reply in replies] == [200] * 200
        made = await loads()
        print(f"{policy}, 200 calls to a cold model on three nodes: loads {made}")  # noqa: T201 - the figure is the point
        assert sum(made) == 1


async def placed_on(herd: Herd) -> set[str]:
    """Nodes that run something."""
    return {name for name, node in (await herd.nodes()).items() if node["requests_active"]}


@pytest.mark.alone
@pytest.mark.parametrize("listed", [True, False])
@again_where_stolen
async def test_a_flood_of_one_client_leaves_another_its_share(tmp_path: Path, listed: bool) -> None:
    """One client has 200 calls waiting, the other asks one by one. Slots: 2; a call takes about 0.12 s. Both are told
    apart by their keys: behind one address they may well be.

    The other one asks at moments that have nothing to do with the flood's calls. Whoever asks as its own call ends
    comes always as that slot was given away: with both slots in step it would wait for a whole service time, not for
    what is left of one. Listed keys say `batch`, and nearly all of the flood's calls have risen a class meanwhile.
    """
    keys: dict[str, Any] = (
        {"priority_keys": keys_file(tmp_path), "priority_ageing": AGEING_S} if listed else {}
    )
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-1", tokens=6, token_delay_s=0.02) as fake,
        fleet_of_fakes(tmp_path, [fake], slots=2, **keys) as herd,
    ):
        alone, service = await mean_times(herd, LIGHT, 5)
        flood = [asyncio.create_task(ask(herd, stream=True, headers=FLOOD)) for _ in range(200)]
        await eventually(lambda: has_held(herd, 100))
        queue = await herd.get("/fleet/queue")
        clients = {each["client"] for each in queue["calls"]}
        assert clients == {"flood"} if listed else len(clients) == 1
        assert "secret" not in str(queue)
        beside, answering = await mean_times(herd, LIGHT, 24, pause_s=service)
        assert not all(task.done() for task in flood), "the flood went on"
        residual = (alone + answering) / 2  # what is left of a call that runs, on average
        share = beside / (alone + residual)
        figure = f"alone {alone:.3f} s, beside 200 calls of another {beside:.3f} s"
        print(f"first token {figure}: {share:.2f} times (alone + one residual)")  # noqa: T201 - the figure is the point
        assert share <= 1.5
        await fake.switch(token_delay_s=0)
        assert all(reply.status == 200 for reply in await together(*flood))


async def test_classes_by_header_and_by_key(tmp_path: Path) -> None:
    """Interactive calls pass batch ones that came before; a key's class is the highest it may ask for."""
    ended: list[str] = []

    async def one(name: str, headers: dict[str, str]) -> Reply:
        reply = await ask(herd, call_id=name, headers=headers, stream=True)
        ended.append(name)
        return reply

    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-1", tokens=400, token_delay_s=0.05) as fake,
        fleet_of_fakes(tmp_path, [fake], slots=1, priority_keys=keys_file(tmp_path)) as herd,
    ):
        calls = [asyncio.create_task(one("running", {}))]
        await eventually(lambda: is_running(herd))
        wanted = [
            ("background", {"X-Fleet-Priority": "Background"}),
            ("by-key", {**LIGHT, "X-Fleet-Priority": "interactive"}),
            ("interactive", {}),
        ]
        for count, (name, headers) in enumerate(wanted, start=1):
            calls.append(asyncio.create_task(one(name, headers)))
            await eventually(lambda count=count: held(herd, count))  # type: ignore[misc]
        queue = await herd.get("/fleet/queue")
        assert queue["held_by_priority"] == {"background": 1, "batch": 1, "interactive": 1}
        assert [each["request_id"] for each in queue["calls"]] == ["interactive", "by-key", "background"]
        await fake.switch(hurry=True, tokens=5)
        for reply in await together(*calls):
            reply.must_be_from("node-1")
        assert ended == ["running", "interactive", "by-key", "background"]


async def is_running(herd: Herd) -> bool:
    """Whether one call runs."""
    return await herd.in_flight() == 1


async def test_an_unknown_class_is_a_400_in_the_callers_dialect(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake]) as herd,
    ):
        for word in ("urgent", "", "x" * 10_000, "interactive, batch", "\u00fc"):
            for dialect in DIALECTS:
                reply = await ask(herd, dialect, headers={"X-Fleet-Priority": word})
                assert reply.status == 400
                assert "X-Fleet-Priority is interactive, batch or background, not" in reply.error
                assert len(reply.error) < 200
        assert (await fake.state()).started == 0


async def test_a_refusal_while_a_model_loads_says_so(tmp_path: Path) -> None:
    """The hold limit is reached while the load goes on, since that may not be waited for for long here."""
    async with (
        FakeEngine.run(["m"], slots=64, name="node-1", load_s=3) as fake,
        fleet_of_fakes(tmp_path, [fake], slots=1, hold_timeout=0.5, hold_loading_limit=1) as herd,
    ):
        first = asyncio.create_task(ask(herd))
        await eventually(lambda: is_running(herd))
        reply = await ask(herd)
        assert reply.status == 503
        assert reply.error.startswith("waited 1 s for 'm', which is being loaded on node-1; about ")
        assert reply.error.endswith(" s more")
        assert 1 <= int(reply.headers["Retry-After"]) <= 10
        (await first).must_be_from("node-1")
