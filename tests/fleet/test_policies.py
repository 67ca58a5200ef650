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
from shared.names import NodeId
from tests.fakes.control import FakeEngine
from tests.fakes.steal import again_where_stolen
from tests.fleet.harness import Herd, fleet_of_fakes

MODELS = ["a", "b"]
CALLS, PER_S, TOKENS = 500, 12.0, 20
BURST = 250
"""Calls at once for each model, after the others: with so many before it a call is done sooner on the slowest engine,
so that all five are used.
"""
CROWDING = 0.5
"""Part by which each call beside it makes one longer, on each engine."""
AGAIN = 120
"""Calls like the first, at the end: what is known of the fast ones shall come from calls of every day."""
NOISE = 0.15
TAIL = 1.5
"""The slowest 25 of one run are mostly those that met a load or a stall of this machine: they are printed, and may only
not be far worse. Which policy has the better tail is told by 20 seeds of `herd simulate`.
"""
MEASURED = 5
"""Answers, from which a learned speed is held against the true one."""


class Truth(NamedTuple):
    """Of one engine, in seconds."""

    token_s: float
    load_s: float
    loaded: list[str]

    @property
    def pace_s(self) -> float:
        """For a token of an answer, after its first byte: the first token comes with that."""
        return self.token_s * (TOKENS - 1) / TOKENS


TRUTHS = {
    "node-1": Truth(0.005, 0.3, ["a"]),
    "node-2": Truth(0.008, 1.5, ["b"]),
    "node-3": Truth(0.015, 0.2, ["a"]),
    "node-4": Truth(0.030, 0.8, ["a", "b"]),
    "node-5": Truth(0.060, 0.5, ["b"]),
}


class Figures(NamedTuple):
    """Seconds of the first CALLS, and what the coordinator wrote down at the end."""

    mean: float
    p95: float
    lessons: Lessons

    def paces(self) -> dict[str, dict[str, float]]:
        """Seconds for a token as they were learned, by node and model: those of places that were measured."""
        return {
            node_id: {model: pace for model, (pace, answers) in told.writing.items() if answers >= MEASURED}
            for node_id, told in self.lessons.nodes.items()
        }


async def _one(herd: Herd, model: str) -> float:
    began = time.monotonic()
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    async with herd.session.post(f"{herd.address}/api/chat", json=body) as response:
        assert response.status == 200, await response.text()
        await response.read()
    return time.monotonic() - began


async def _by_chance(herd: Herd, chance: random.Random, calls: int) -> list[float]:
    """Seconds of each, PER_S a second on average."""
    began, due, running = time.monotonic(), 0.0, []
    for _ in range(calls):
        due += chance.expovariate(PER_S)
        await asyncio.sleep(max(0.0, began + due - time.monotonic()))
        running.append(asyncio.create_task(_one(herd, chance.choice(MODELS))))
    return await asyncio.gather(*running)


async def _figures(data_dir: Path, policy: str, slots: int) -> Figures:
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
                    slots=8,
                    crowding=CROWDING,
                )
            )
            for name, truth in TRUTHS.items()
        ]
        async with fleet_of_fakes(data_dir, fakes, slots=slots, policy=policy) as herd:
            seconds = sorted(await _by_chance(herd, chance, CALLS))
            await asyncio.gather(*(_one(herd, model) for model in MODELS * BURST))
            await _by_chance(herd, chance, AGAIN)
    kept = msgspec.json.decode((data_dir / "herd" / LESSONS).read_bytes(), type=Lessons)
    return Figures(statistics.mean(seconds), seconds[int(0.95 * CALLS)], kept)


def _told(figures: Mapping[str, Figures], slots: int) -> str:
    lines = ["", f"{CALLS} calls, {PER_S:.0f}/s, five engines, calls of a model at once: {slots}"]
    for name, each in figures.items():
        lines.append(
            f"{name:10}: mean {each.mean:.3f} s, p95 {each.p95:.3f} s; learned ms a token, crowding:"
        )
        for node_id, paces in sorted(each.paces().items()):
            told = ", ".join(f"{model} {1000 * pace:.1f}" for model, pace in sorted(paces.items()))
            crowding, samples = each.lessons.nodes[NodeId(node_id)].crowding
            beside = f"{crowding:.2f} by {samples}; true {CROWDING}"
            lines.append(f"  {node_id}: {told or 'none'}; true {1000 * TRUTHS[node_id].pace_s:.1f}; {beside}")
    return "\n".join(lines)


def _strayed(paces: Mapping[str, Mapping[str, float]]) -> dict[tuple[str, str], float]:
    """Learned over true, of each place where that is further off than noise."""
    shares = {
        (node_id, model): pace / TRUTHS[node_id].pace_s
        for node_id, of_node in paces.items()
        for model, pace in of_node.items()
    }
    return {place: share for place, share in shares.items() if abs(share - 1) > NOISE}


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.timeout(600)
@pytest.mark.parametrize("slots", [1, 2])
@again_where_stolen
async def test_seconds_beat_points_where_claims_are_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], slots: int
) -> None:
    # Side by side: whatever else slows this machine slows both.
    async with asyncio.TaskGroup() as both:
        names = ("weighted", "predictive")
        running = {name: both.create_task(_figures(tmp_path / name, name, slots)) for name in names}
    figures = {name: task.result() for name, task in running.items()}
    with capsys.disabled():
        print(_told(figures, slots))  # noqa: T201
    assert figures["predictive"].mean <= figures["weighted"].mean
    assert figures["predictive"].p95 <= TAIL * figures["weighted"].p95
    for name, each in figures.items():
        paces = each.paces()
        assert {node_id for node_id, of_node in paces.items() if of_node} == set(TRUTHS), f"{name}: {paces}"
        assert _strayed(paces) == {}, name
