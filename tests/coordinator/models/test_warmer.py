"""The Warmer before a real Desk, with a Forwarder that the test answers for: preloads, failures, one load at a time."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from coordinator.core.call import Target
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
    """A Warmer that looks when it is told to, its clock and what it did."""

    def __init__(
        self, path: Path, *fixed: str, used: list[tuple[ModelName, int]] | None = None, read: bool = True
    ) -> None:
        """`used`: what the file of traces tells; `read`: whether it can be read."""
        self.now = 0.0
        self.desk = a_desk(a_beat("n1", an_engine(a_model("a"))), limits=LIMITS)
        self.forwarder = Forwarding()
        self.loader = Loader(self.desk, self.forwarder, self.clock)  # type: ignore[arg-type]  # the one method it uses
        self.pins = Pins(path / "pins.json", fixed, self.desk, LIMITS, self.loader, Bodies(1000), self.clock)
        rules = WarmRules(after_s=0.0)
        self.warmer = Warmer(self.desk, LIMITS, rules, self.loader, self.pins, 60.0, self.clock)
        self.used = used or []
        self.read = read
        if used is not None:
            self.warmer.used = self._told

    def clock(self) -> float:
        return self.now

    async def _told(self, _since: float) -> list[tuple[ModelName, int]]:
        if not self.read:
            raise Unavailable("the file cannot be read")
        return self.used

    async def looks(self) -> int:
        """Once, and until what it orders is loaded or has failed; how many loads were ordered by now."""
        async with asyncio.TaskGroup() as loads:
            await self.warmer.look(loads)
        return len(self.forwarder.asked)

    def shows(self, *loaded: str, seq: int) -> None:
        """A beat of n1, with these models loaded of the one that it has."""
        engine = with_loaded(*loaded) if loaded else an_engine(a_model("a"))
        self.desk.heard(a_beat("n1", engine, seq=seq), an_address("n1"), self.now)


async def test_what_was_used_most_is_loaded_after_the_start_and_looked_at_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path, used=[(A, 50)])
    stage.now = PRELOAD_FIRST_S - 1
    assert await stage.looks() == 0, "nodes have yet to join"
    stage.now = PRELOAD_FIRST_S
    assert await stage.looks() == 1
    assert stage.forwarder.asked == [("n1", {"model": "a", "stream": False})]
    assert stage.loader.loading() == {"n1": int(2 * 2**30 * 1.2)}
    stage.shows("a", seq=2)
    assert stage.loader.loading() == {}
    stage.now += PRELOAD_EVERY_S
    assert await stage.looks() == 1, "it is loaded"
    stage.shows(seq=3)
    stage.now += PRELOAD_EVERY_S - 1
    assert await stage.looks() == 1, "what was used is not read at every look"
    stage.now += 1
    assert await stage.looks() == 2, "it was loaded, and is no more"


async def test_what_was_used_is_read_again_later_where_the_file_cannot_be_read(tmp_path: Path) -> None:
    stage = Stage(tmp_path, used=[(A, 50)], read=False)
    stage.now = PRELOAD_FIRST_S
    assert await stage.looks() == 0
    stage.read = True
    stage.now += PRELOAD_EVERY_S - 1
    assert await stage.looks() == 0
    stage.now += 1
    assert await stage.looks() == 1


async def test_a_load_that_fails_is_tried_again_later_and_later(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "a@n1")
    stage.forwarder.failing = True
    assert await stage.looks() == 1
    assert [each["error"] for each in stage.loader.status()] == ["broken"]
    stage.now += PAUSE_S
    assert await stage.looks() == 2
    stage.now += PAUSE_S
    assert await stage.looks() == 2, "twice as long"
    stage.forwarder.failing = False
    stage.now += PAUSE_S
    assert await stage.looks() == 3
    assert stage.loader.status() == []
    assert stage.loader.is_under_way((NodeId("n1"), A))
    stage.shows(seq=2)
    assert stage.loader.is_under_way((NodeId("n1"), A)), "that beat may have been on its way"
    stage.shows(seq=3)
    assert not stage.loader.is_under_way((NodeId("n1"), A)), "it is gone again"


async def test_it_looks_again_and_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "a@n1")
    stage.forwarder.failing = True
    task = asyncio.create_task(stage.warmer.run())
    try:
        await eventually(lambda: len(stage.forwarder.asked) == 1)
        stage.now += PAUSE_S
        await eventually(lambda: len(stage.forwarder.asked) == 2)
    finally:
        await cancelled(task)
