"""What a finished call leaves behind costs: CPU of the loop's thread, and of the threads that write."""

import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from coordinator.core.call import Origin, Placed, Tokens
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits, Weights
from coordinator.core.policies import POLICIES
from coordinator.explain.recent import Recent
from coordinator.journal import CallRecord, Trace
from coordinator.metrics import Metrics
from coordinator.recorder import Recorder
from coordinator.traces import TraceStore
from coordinator.watching.watch import Watch
from shared.logs import logging_to
from tests.benchmarks.yardstick import YARDSTICK_US, yardstick_us
from tests.fakes.builders import a_beat, a_call, an_address, join, with_loaded
from tests.fakes.traces import count
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.alone

BATCHES, CALLS = 8, 500
EVERY_S = 1 / 3_000
TOOK_S = 0.2
GOAL_US = {"learning": 15.0, "recording": 12.0, "writing": 40.0}
"""For a call, on the machine of the yardstick, doing nothing else. Writing: of all threads beside the loop's."""
MARGIN = 2.0
"""For what the yardstick does not tell of a machine: caches, and who else uses them."""


class Cost(NamedTuple):
    """Of a call, microseconds of CPU."""

    learning: float
    recording: float
    writing: float


class Day:
    """Calls that end one after another on one node, with all that follows from it."""

    def __init__(self, path: Path) -> None:
        self.desk = Desk(Limits(), Weights(), 0.0, POLICIES["predictive"])
        join(self.desk, a_beat("n1", with_loaded(slots=8)))
        limits = Limits()
        self.store = TraceStore(path, 90)
        self._recorder = Recorder(
            self.desk,
            Metrics(self.desk, limits, self._clock),
            Watch(self.desk, limits, dict, "fleet", self._clock),
            self.store,
            Recent(lambda call: self.desk.explain(call, self._now), self._clock),
        )
        self._now = 0.0
        self._count = 0

    def _clock(self) -> float:
        return self._now

    def calls(self) -> tuple[float, float]:
        """Seconds of the loop's thread for what CALLS teach, and for what is recorded of them."""
        learning = recording = 0.0
        beat = a_beat("n1", with_loaded(slots=8), seq=self._count + 2)
        self.desk.heard(beat, an_address("n1"), self._now)
        for _ in range(CALLS):
            record = self._ran()
            place, (ended,) = record.placement.place, self.desk.open_calls()  # type: ignore[union-attr]
            began = time.thread_time()
            self.desk.fleet.went_well(ended, place, record.tokens, self._now)
            learned = time.thread_time()
            self._recorder.record(self._trace(record))
            recording += time.thread_time() - learned
            learning += learned - began
            self.desk.cancelled(record.call.id, self._now)
        return learning, recording

    def _ran(self) -> CallRecord:
        """A call up to its last byte."""
        self._count += 1
        self._now += EVERY_S
        call = replace(
            a_call(f"0198-{self._count:08}", estimated_tokens=170, stream=False),
            prompt_chars=700,
            origin=Origin("/api/chat", "127.0.0.1"),
            session=f"s{self._count % 400}",
        )
        record = CallRecord(call, self._now)
        (placed,) = self.desk.arrived(call, self._now)
        assert isinstance(placed, Placed)
        record.placed(placed.placement, self._now)
        record.answered, record.first_byte_at = 200, self._now + TOOK_S
        record.tokens = Tokens(170 + self._count % 37, 50 + self._count % 91)
        self.desk.first_byte(call.id, record.first_byte_at)
        return record

    def _trace(self, record: CallRecord) -> Trace:
        return record.trace("completed", self._now + TOOK_S)


@contextmanager
def a_day(directory: Path) -> Iterator[Day]:
    day = Day(directory / "latency.db")
    with logging_to(directory / "logs", "herd", "INFO", "WARNING"):
        day.store.start()
        yield day
        day.store.close(10)


async def _cost(day: Day, batch: int) -> Cost:
    """All of one batch, until it is in the file."""
    everywhere, here = time.process_time(), time.thread_time()
    learning, recording = day.calls()
    await eventually(lambda: day.store.store_status()["written"] == CALLS * (batch + 1), every_s=0.05)
    beside = (time.process_time() - everywhere) - (time.thread_time() - here)
    return Cost(*(seconds / CALLS * 1e6 for seconds in (learning, recording, beside)))


async def test_a_call_that_ended_costs_microseconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logging.root.handlers", [])  # pytest's own put each line into words at once
    costs, steps = [], []
    with a_day(tmp_path) as day:
        for batch in range(BATCHES):
            costs.append(await _cost(day, batch))
            steps.append(statistics.median(yardstick_us() for _ in range(20)))
    slower = min(steps) / YARDSTICK_US
    best = Cost(*(min(each) for each in zip(*costs, strict=True)))
    with capsys.disabled():
        sys.stdout.write(
            f"\nthe end of a call: {best.learning:.1f} us for what it teaches, {best.recording:.1f} for its record,"
            f" {best.writing:.1f} in the threads that write; this machine now takes {slower:.2f} times as long as that"
            " of the goals\n"
        )
    assert count(tmp_path / "latency.db") == BATCHES * CALLS
    lines = (tmp_path / "logs" / "herd.jsonl").read_text().splitlines()
    assert len(lines) == BATCHES * CALLS
    for part, goal in GOAL_US.items():
        assert getattr(best, part) <= goal * slower * MARGIN, part
