"""Reads of latency.db in threads of their own, and answers that are kept."""

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from coordinator.dashboard.reads import READS_AT_ONCE, Kept, Reads
from coordinator.trace_reader import TraceReader
from shared.errors import CallerFault, Unavailable
from tests.fakes.traces import storing
from tests.fakes.waiting import eventually

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"


@pytest.fixture
def reads() -> Iterator[Reads]:
    made = Reads()
    yield made
    made.close()


class Slow:
    """A read that ends once it is let go; counts."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun = self.running = self.most = 0
        self._lock = threading.Lock()

    def __call__(self) -> int:
        with self._lock:
            self.begun += 1
            self.running += 1
            self.most = max(self.most, self.running)
        assert self.gate.wait(10)
        with self._lock:
            self.running -= 1
        return 1


async def test_reads_run_a_few_at_once(reads: Reads) -> None:
    slow = Slow()
    tasks = [asyncio.create_task(reads(slow)) for _ in range(5)]
    await eventually(lambda: slow.running == READS_AT_ONCE)
    slow.gate.set()
    assert sum(await asyncio.gather(*tasks)) == 5
    assert slow.most == READS_AT_ONCE


async def test_reads_whose_callers_left_take_no_further_thread_and_do_not_begin(reads: Reads) -> None:
    slow = Slow()
    tasks = [asyncio.create_task(reads(slow)) for _ in range(READS_AT_ONCE)]
    await eventually(lambda: slow.running == READS_AT_ONCE)
    for _ in range(30):
        tasks.pop(0).cancel()
        tasks.append(asyncio.create_task(reads(slow)))
        await asyncio.sleep(0)  # it has asked, and whoever was cancelled has gone
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    last = asyncio.create_task(reads(lambda: "next"))
    assert await asyncio.to_thread(str, 1) == "1"  # the loop's own threads are free
    slow.gate.set()
    assert await last == "next"
    assert (slow.begun, slow.most) == (READS_AT_ONCE, READS_AT_ONCE)


async def test_closing_waits_for_nobody_and_ends_what_runs(tmp_path: Path) -> None:
    path = tmp_path / "latency.db"
    with storing(path):
        pass
    reader, reads = TraceReader(path), Reads()
    running: list[int] = []

    def endless() -> None:
        with reader.opened() as database:
            running.append(1)
            database.execute(ENDLESS).fetchall()

    first = [asyncio.create_task(reads(endless)) for _ in range(READS_AT_ONCE)]
    waiting = asyncio.create_task(reads(endless))
    await eventually(lambda: len(running) == READS_AT_ONCE)
    began = time.monotonic()
    reader.close()
    reads.close()
    for task in first:
        with pytest.raises(Unavailable, match="interrupted"):
            await task
    with suppress(asyncio.CancelledError, Unavailable):
        await waiting
    assert time.monotonic() - began < 5


async def test_an_answer_is_kept_for_its_time_and_errors_are_not() -> None:
    now, asked = [0.0], [0]
    kept: Kept[int] = Kept(30.0, lambda: now[0])

    async def ask() -> int:
        asked[0] += 1
        if asked[0] == 1:
            raise CallerFault("not yet")
        return asked[0]

    with pytest.raises(CallerFault):
        await kept.get(ask)
    assert await kept.get(ask) == 2
    now[0] = math.nextafter(30.0, 0)
    assert await kept.get(ask) == 2
    assert await kept.get(ask, anew=True) == 3
    now[0] += 30.0
    assert list(await asyncio.gather(kept.get(ask), kept.get(ask))) == [4, 4]


async def test_an_answer_about_something_else_is_not_the_one_that_is_kept() -> None:
    kept: Kept[str] = Kept(30.0, lambda: 0.0)

    def asked(word: str) -> Callable[[], Awaitable[str]]:
        async def ask() -> str:
            return word

        return ask

    assert await kept.get(asked("first"), about=("n1",)) == "first"
    assert await kept.get(asked("second"), about=("n1",)) == "first"
    assert await kept.get(asked("third"), about=("n1", "n2")) == "third"
    assert await kept.get(asked("fourth"), about=("n1",)) == "fourth"
