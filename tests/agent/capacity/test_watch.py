"""The shell: two files, a few tasks."""

import time
from pathlib import Path

import msgspec
import pytest

from agent.capacity.sampling import Sample, Sampler
from agent.capacity.slots import Week
from agent.capacity.store import FILE
from agent.capacity.watch import Watch, wish
from agent.control import FILE as CONTROL
from agent.control import Control, Pause, write
from tests.agent.capacity.test_sampling import World
from tests.fakes.waiting import eventually

EVERY_S = 0.01


class Samples(Sampler):
    """A sampler that says what a test wants, or fails."""

    def __init__(self, use_pct: float | None) -> None:
        self.use_pct = use_pct
        self.count = 0
        self.fails = False

    async def sample(self) -> Sample:
        self.count += 1
        if self.fails:
            raise OSError("a driver is gone")
        return Sample(self.use_pct, 5.0, 20.0, 2**34)


async def test_without_learning_only_a_persons_word_counts(tmp_path: Path) -> None:
    watch, changes = Watch(tmp_path), []
    await watch.begin(None, lambda: changes.append(time.monotonic()))
    try:
        assert watch.capacity() is None
        write(tmp_path / CONTROL, Control(pause=Pause()))
        await eventually(lambda: len(changes) == 1)
        paused = watch.capacity()
        assert paused is not None
        assert (paused.mode, paused.override) == ("paused", True)
        write(tmp_path / CONTROL, Control(pause=Pause(until=time.time() + 0.3)))
        await eventually(lambda: len(changes) == 2)  # it ends by itself, and that is told too
        assert watch.capacity() is None
    finally:
        await watch.end()
    assert not (tmp_path / FILE).exists()


async def test_a_pause_is_known_before_the_first_beat(tmp_path: Path) -> None:
    write(tmp_path / CONTROL, Control(pause=Pause()))
    watch = Watch(tmp_path)
    await watch.begin(None, lambda: None)
    paused = watch.capacity()
    await watch.end()
    assert paused is not None
    assert paused.mode == "paused"


async def test_what_was_learned_is_kept_at_the_end_and_gone_on_with(tmp_path: Path) -> None:
    samples = []
    for use in (40.0, 80.0):
        watch, sampler = Watch(tmp_path, EVERY_S), Samples(use)
        await watch.begin(sampler, lambda: None)
        await eventually(lambda known=sampler: known.count > 10)  # type: ignore[misc]
        assert watch.capacity() is not None
        await watch.end()
        week = msgspec.json.decode((tmp_path / FILE).read_bytes(), type=Week)
        samples.append(sum(slot.samples for slot in week.slots))
    assert samples[1] > samples[0] + 9
    assert 40 < sum(slot.use_pct * slot.samples for slot in week.slots) / samples[1] < 80


async def test_a_change_of_mode_is_told_at_once_and_an_odd_reading_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch, sampler, modes = Watch(tmp_path, EVERY_S), Samples(None), []

    def changed() -> None:
        capacity = watch.capacity()
        assert capacity is not None
        modes.append(capacity.mode)

    await watch.begin(sampler, changed)
    try:
        sampler.fails = True
        await eventually(lambda: "a fault of ours" in caplog.text)
        sampler.fails = False
        seen = sampler.count
        await eventually(lambda: sampler.count > seen + 2)
        assert modes == []
        write(tmp_path / CONTROL, Control(pause=Pause()))
        await eventually(lambda: modes == ["paused"])
        write(tmp_path / CONTROL, Control(share=Pause()))
        await eventually(lambda: modes == ["paused", "full"])
        write(tmp_path / CONTROL, Control())
        await eventually(lambda: modes == ["paused", "full", "bootstrap"])
    finally:
        await watch.end()


async def test_a_real_sampler_feeds_it(tmp_path: Path) -> None:
    world = World()
    watch = Watch(tmp_path, EVERY_S)
    await watch.begin(world.sampler, lambda: None)

    def learned() -> bool:
        world.live(5, owner=2)
        capacity = watch.capacity()
        return capacity is not None and capacity.confidence > 0.001

    await eventually(learned)
    await watch.end()
    week = msgspec.json.decode((tmp_path / FILE).read_bytes(), type=Week)
    assert max(slot.use_pct for slot in week.slots) == pytest.approx(50.0)


def test_a_pause_outranks_full() -> None:
    asked = wish(Control(pause=Pause(until=5.0), share=Pause()))
    assert asked is not None
    assert (asked.mode, asked.until) == ("paused", 5.0)
    assert wish(Control()) is None
