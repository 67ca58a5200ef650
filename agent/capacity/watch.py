"""The shell around the learner: samples every few seconds, keeps what was learned, minds what a person wants."""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from agent.capacity.learner import Learner, Moment, Wish, overridden
from agent.capacity.sampling import Sample, Sampler
from agent.capacity.slots import SAMPLE_S, slot_of
from agent.capacity.store import FILE, Store, encoded
from agent.control import FILE as CONTROL
from agent.control import Control, ControlFile, watched
from shared.serving import cancelled
from shared.wire import Capacity

SAVE_S = 300.0
"""Between two writes of the file."""

log = logging.getLogger("herd-node")


class Watch:
    """One agent's; `directory` is its own."""

    def __init__(self, directory: Path, sample_s: float = SAMPLE_S) -> None:
        self._control_file = ControlFile(directory / CONTROL)
        self._store = Store(directory / FILE)
        self._sample_s = sample_s
        self._control = Control()
        self._learner: Learner | None = None
        self._sample = Sample(None, 0.0, 0.0, 0)
        self._told = ""
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self, sampler: Sampler | None, changed: Callable[[], None]) -> None:
        """Reads both files, then watches until `end`. Without `sampler` only a person's word counts.

        `changed`: the coordinator should know of it now.
        """
        self._control = await self._control_file.control()
        if sampler is not None:
            self._learner = Learner(await asyncio.to_thread(self._store.read, time.time()))
            self._tasks.append(asyncio.create_task(self._learn(sampler, changed), name="capacity"))
        self._told = self._word()

        async def asked(wanted: Control) -> None:
            self._control = wanted
            self._tell_change(changed)

        watching = watched(self._control_file, asked)
        self._tasks.append(asyncio.create_task(watching, name="pauses"))

    async def end(self) -> None:
        """Keeps what was learned."""
        await cancelled(*self._tasks)
        if self._learner is not None:
            await asyncio.to_thread(self._store.write, encoded(self._learner.week))

    def capacity(self) -> Capacity | None:
        """Of this moment; None: nothing is learned and nobody asked for anything."""
        wall = time.time()
        learned = None
        if self._learner is not None:
            learned = self._learner.judge(_now(), self._sample.memory_pct, self._sample.memory_bytes)
        return overridden(learned, wish(self._control), self._sample.memory_bytes, wall)

    async def _learn(self, sampler: Sampler, changed: Callable[[], None]) -> None:
        saved_at = time.monotonic()
        while True:
            try:
                await self._observe(sampler)
            except Exception:  # one odd reading must not end the learning, nor the agent
                log.exception("a fault of ours")
            self._tell_change(changed)
            if self._learner is not None and time.monotonic() - saved_at >= SAVE_S:
                saved_at = time.monotonic()
                await asyncio.to_thread(self._store.write, encoded(self._learner.week))
            await asyncio.sleep(self._sample_s)

    async def _observe(self, sampler: Sampler) -> None:
        self._sample = await sampler.sample()
        if self._learner is not None and self._sample.use_pct is not None:
            self._learner.observe(self._sample.use_pct, self._sample.seconds, _now())

    def _tell_change(self, changed: Callable[[], None]) -> None:
        word = self._word()
        if word != self._told:
            self._told = word
            log.info("what the owner leaves to the fleet: %s", word)
            changed()

    def _word(self) -> str:
        capacity = self.capacity()
        return (
            "all" if capacity is None else f"{capacity.mode}, by hand" if capacity.override else capacity.mode
        )


def wish(asked: Control) -> Wish | None:
    """What the file asks of the capacity."""
    if asked.pause is not None:
        return Wish("paused", asked.pause.until)
    if asked.share is not None:
        return Wish("full", asked.share.until)
    return None


def _now() -> Moment:
    wall = time.time()
    return Moment(time.monotonic(), wall, slot_of(time.localtime(wall)))
