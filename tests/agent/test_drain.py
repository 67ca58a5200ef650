"""What the agent makes of its control file, with a gateway that only counts."""

from pathlib import Path

import msgspec
import pytest

from agent.control import Control, Drain
from agent.drain import OwnDrain
from agent.gateway import Gateway
from agent.presence import Presence, found, own


class Counted(Gateway):
    """A gateway with as many calls as the test says."""

    def __init__(self) -> None:
        self.set_aside = False
        self.cut_calls = 0
        self.calls = 0

    @property
    def running(self) -> int:
        """As set."""
        return self.calls

    def cut(self, only: object = None) -> None:
        """All at once."""
        assert only is None
        self.cut_calls, self.calls = self.cut_calls + self.calls, 0


class Bench:
    """An OwnDrain, its clock, and what it told."""

    def __init__(self, directory: Path) -> None:
        self.gateway = Counted()
        self.directory = directory
        self.now = 1_000.0
        self.beats = 0
        self.drain = OwnDrain(self.gateway, self._beat, directory, own(), lambda: self.now)

    def _beat(self) -> None:
        self.beats += 1

    async def look(self, drain: Drain | None) -> Presence:
        """One reading of the control file; what verbs see then."""
        await self.drain.look(Control(drain=drain))
        told = found(self.directory)
        assert told is not None
        return told


async def test_a_drain_is_begun_ended_at_its_deadline_and_taken_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert (await bench.look(None)).drained_since is None
    assert (bench.gateway.set_aside, bench.beats) == (False, 0)
    bench.gateway.calls = 2
    order = Drain(since=1_000.0, deadline_s=60.0)
    told = await bench.look(order)
    assert (told.drained_since, told.running, told.cut) == (1_000.0, 2, 0)
    assert (bench.gateway.set_aside, bench.beats) == (True, 1)
    bench.gateway.calls, bench.now = 1, 1_059.0
    assert (await bench.look(order)).running == 1
    bench.now = 1_060.0
    told = await bench.look(order)
    assert (told.running, told.cut, bench.beats) == (0, 1, 1)
    assert (await bench.look(None)) == own()
    assert (bench.gateway.set_aside, bench.beats) == (False, 2)


async def test_another_deadline_is_another_order(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.gateway.calls = 1
    await bench.look(Drain(since=1_000.0, deadline_s=1.0))
    bench.now = 1_002.0
    told = await bench.look(Drain(since=1_002.0, deadline_s=60.0))
    assert (told.drained_since, told.running, told.cut) == (1_002.0, 1, 0)


async def test_a_disk_that_is_full_is_told_once_and_hinders_no_drain(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path / "nowhere")
    for _ in range(3):
        await bench.drain.look(Control(drain=Drain(since=1_000.0, deadline_s=60.0)))
    assert bench.gateway.set_aside
    (record,) = [each for each in caplog.records if each.levelname == "WARNING"]
    assert "verbs cannot see this agent" in record.getMessage()
    (tmp_path / "nowhere").mkdir()
    assert (await bench.look(None)) == msgspec.structs.replace(own(), drained_since=None)
