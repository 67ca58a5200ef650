"""Both policies over real programs: five engines of different true speeds, which all claim the same."""

import asyncio
import contextlib
import random
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from coordinator.core.lessons import Lessons
from coordinator.lessons_file import LESSONS
from tests.fakes.control import FakeEngine
from tests.fleet.harness import Herd, fleet_of_fakes

MODELS = ["a", "b"]
CALLS, PER_S, TOKENS = 500, 12.0, 20
NOISE = 0.15


class Truth(NamedTuple):
    """Of one engine, in seconds."""

    token_s: float
    load_s: float
    loaded: list[str]


TRUTHS = {
    "node-1": Truth(0.005, 0.3, ["a"]),
    "node-2": Truth(0.008, 1.5, ["b"]),
    "node-3": Truth(0.015, 0.2, ["a"]),
    "node-4": Truth(0.030, 0.8, ["a", "b"]),
    "node-5": Truth(0.060, 0.5, ["b"]),
}


class Figures(NamedTuple):
    """Seconds of all calls, and what the coordinator wrote down."""

    mean: float
    p95: float
    lessons: Lessons


async def _one(herd: Herd, model: str) -> float:
    began = time.monotonic()
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    async with herd.session.post(f"{herd.address}/api/chat", json=body) as response:
        assert response.status == 200, await response.text()
        await response.read()
    return time.monotonic() - began


async def _figures(data_dir: Path, policy: str) -> Figures:
    chance = random.Random(1)
    async with contextlib.AsyncExitStack() as stack:
        fakes = [
            await stack.enter_async_context(
                FakeEngine.run(
                    MODELS,
                    loaded=truth.loaded,
                    name=name,
                    tokens=TOKENS,
                    token_delay_s=truth.token_s,
                    first_token_delay_s=3 * truth.token_s,
                    load_s=truth.load_s,
                )
            )
            for name, truth in TRUTHS.items()
        ]
        async with fleet_of_fakes(data_dir, fakes, slots=1, policy=policy) as herd:
            began, due, running = time.monotonic(), 0.0, []
            for _ in range(CALLS):
                due += chance.expovariate(PER_S)
                await asyncio.sleep(max(0.0, began + due - time.monotonic()))
                running.append(asyncio.create_task(_one(herd, chance.choice(MODELS))))
            seconds = sorted(await asyncio.gather(*running))
    kept = msgspec.json.decode((data_dir / "herd" / LESSONS).read_bytes(), type=Lessons)
    return Figures(statistics.mean(seconds), seconds[int(0.95 * CALLS)], kept)


def _told(figures: Mapping[str, Figures]) -> str:
    lines = [f"{name:10}: mean {each.mean:.3f} s, p95 {each.p95:.3f} s" for name, each in figures.items()]
    return "\n".join(("", f"{CALLS} calls, {PER_S:.0f}/s, five engines", *lines))


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_seconds_beat_points_where_claims_are_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = {name: await _figures(tmp_path / name, name) for name in ("weighted", "predictive")}
    learned = {
        node_id: {model: kept[0] for model, kept in told.writing.items() if kept[1] >= 5}
        for node_id, told in figures["predictive"].lessons.nodes.items()
    }
    with capsys.disabled():
        print(_told(figures))  # noqa: T201
        for node_id, paces in sorted(learned.items()):
            told = ", ".join(f"{model} {1000 * pace:.1f}" for model, pace in sorted(paces.items()))
            print(f"{node_id}: ms a token: {told}; true {1000 * TRUTHS[node_id].token_s:.1f}")  # noqa: T201
    assert figures["predictive"].mean <= figures["weighted"].mean
    known = [(TRUTHS[node].token_s, pace) for node, paces in learned.items() for pace in paces.values()]
    assert len(known) >= 5, "enough places were measured"
    assert all(pace == pytest.approx(true, rel=NOISE) for true, pace in known), learned
