"""The Warmer before a real Desk, with a Forwarder that the test answers for: preloads, failures, one load at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from coordinator.core.call import Target
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.core.warming import WarmRules
from coordinator.dialects.bodies import Bodies
from coordinator.forward import EngineRequest
from coordinator.models.loader import PAUSE_S, Loader
from coordinator.models.pins import Pins
from coordinator.models.warmer import PRELOAD_EVERY_S, PRELOAD_FIRST_S, Warmer
from shared.errors import NodeFailure, Unavailable
from shared.names import ModelName, NodeId, normalise
from shared.serving import cancelled
from tests.fakes.builders import a_beat, a_desk, a_model, an_address, an_engine, with_loaded
from tests.fakes.waiting import eventually

LIMITS = Limits(lease_s=1e9, beat_late_s=1e9)
A = normalise("a")


class Answered:
    """A good answer."""

    status = 200

    async def read(self) -> bytes:
        return b"{}"

    def close(self) -> None:
        pass


class Forwarding:
    """Says what it was asked; fails where the test wants it to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.failing = False

    async def send(self, target: Target, request: EngineRequest) -> Answered:
        self.asked.append((target.node_id, msgspec.json.decode(request.body)))
        if self.failing:
            raise NodeFailure("broken")
        return Answered()


class Stage:
    """A Warmer that runs, its clock and what it did."""

    def __init__(self, desk: Desk, path: Path, fixed: tuple[str, ...]) -> None:
        self.now = 0.0
        self.desk = desk
        self.forwarder = Forwarding()
        self.loader = Loader(desk, self.forwarder, self.clock)  # type: ignore[arg-type]  # the one method it uses
        self.pins = Pins(path, fixed, desk, LIMITS, self.loader, Bodies(1000), self.clock)
        rules = WarmRules(after_s=0.0)
        self.warmer = Warmer(desk, LIMITS, rules, self.loader, self.pins, 60.0, self.clock)

    def clock(self) -> float:
        return self.now

    async def asked(self, times: int) -> bool:
        """Whether so many loads were ordered."""
        return len(self.forwarder.asked) == times

    def shows(self, node_id: str, *loaded: str, seq: int) -> None:
        """A beat with these models loaded."""
        self.desk.heard(a_beat(node_id, with_loaded(*loaded), seq=seq), an_address(node_id), self.now)


@asynccontextmanager
async def staged(
    desk: Desk, path: Path, *fixed: str, used: list[tuple[ModelName, int]] | None = None
) -> AsyncIterator[Stage]:
    stage = Stage(desk, path / "pins.json", fixed)
    windows: list[float] = []

    async def told(since: float) -> list[tuple[ModelName, int]]:
        windows.append(since)
        if len(windows) == 1:
            raise Unavailable("the file cannot be read")
        return used or []

    if used is not None:
        stage.warmer.used = told
    task = asyncio.create_task(stage.warmer.run())
    try:
        yield stage
    finally:
        await cancelled(task)


def cold_desk() -> Desk:
    return a_desk(a_beat("n1", an_engine(a_model("a"))), limits=LIMITS)


async def test_what_was_used_most_is_loaded_after_the_start_and_looked_at_again(tmp_path: Path) -> None:
    async with staged(cold_desk(), tmp_path, used=[(A, 50)]) as stage:
        await asyncio.sleep(0.6)
        assert stage.forwarder.asked == [], "nodes have yet to join"
        stage.now = PRELOAD_FIRST_S
        await asyncio.sleep(0.6)
        assert stage.forwarder.asked == [], "the file could not be read"
        stage.now += PRELOAD_EVERY_S
        await eventually(lambda: stage.asked(1))
        assert stage.forwarder.asked == [("n1", {"model": "a", "stream": False})]
        assert stage.loader.loading() == {"n1": int(2 * 2**30 * 1.2)}
        stage.shows("n1", "a", seq=2)
        assert stage.loader.loading() == {}
        stage.now += PRELOAD_EVERY_S
        await asyncio.sleep(0.6)
        assert await stage.asked(1)


async def test_a_load_that_fails_is_tried_again_later_and_later(tmp_path: Path) -> None:
    async with staged(cold_desk(), tmp_path, "a@n1") as stage:
        stage.forwarder.failing = True
        await eventually(lambda: stage.asked(1))
        assert [each["error"] for each in stage.loader.status()] == ["broken"]
        stage.now += PAUSE_S
        await eventually(lambda: stage.asked(2))
        stage.now += PAUSE_S
        await asyncio.sleep(0.6)
        assert await stage.asked(2), "twice as long"
        stage.forwarder.failing = False
        stage.now += PAUSE_S
        await eventually(lambda: stage.asked(3))
        assert stage.loader.status() == []
        assert stage.loader.is_under_way((NodeId("n1"), A))
        stage.desk.heard(a_beat("n1", an_engine(a_model("a")), seq=2), an_address("n1"), stage.now)
        assert stage.loader.is_under_way((NodeId("n1"), A)), "that beat may have been on its way"
        stage.desk.heard(a_beat("n1", an_engine(a_model("a")), seq=3), an_address("n1"), stage.now)
        assert not stage.loader.is_under_way((NodeId("n1"), A)), "it is gone again"
