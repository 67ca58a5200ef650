"""A reading that blocks delays no beat and no end."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agent.sensors.latest import Latest
from tests.fakes.waiting import eventually

ROOT = Path(__file__).parents[3]
HANGS = """
import asyncio, threading
from agent.sensors.latest import Latest
never = threading.Event()
print(asyncio.run(Latest("x", never.wait, None, patience_s=0.01, first_patience_s=0.01).value()))
"""


async def test_each_value_is_of_its_moment() -> None:
    values = iter(range(5))
    latest = Latest("numbers", lambda: next(values), -1)
    assert [await latest.value() for _ in range(3)] == [0, 1, 2]
    assert set(await asyncio.gather(latest.value(), latest.value())) == {3}
    assert await latest.value() == 4


async def test_the_last_value_where_the_reading_is_late() -> None:
    go, started = threading.Event(), []

    def read() -> int:
        started.append(1)
        if len(started) == 2:
            go.wait()
        return len(started)

    latest = Latest("a driver", read, 0, patience_s=0.02)
    assert await latest.value() == 1
    assert [await latest.value() for _ in range(3)] == [1, 1, 1]
    assert len(started) == 2  # one reading at a time
    go.set()

    async def heard() -> bool:
        return await latest.value() >= 2

    await eventually(heard, 5)


async def test_the_first_beat_waits_longer() -> None:
    go = threading.Event()
    latest = Latest("a driver that wakes", go.wait, False, patience_s=0, first_patience_s=60)
    asyncio.get_running_loop().call_later(0.05, go.set)
    assert await latest.value()


async def test_the_last_value_where_the_reading_fails() -> None:
    outcomes = [3, 0, 4]
    latest = Latest("divisions", lambda: 12 // outcomes.pop(0), 0)
    assert [await latest.value() for _ in range(3)] == [4, 4, 3]


async def test_a_reading_that_keeps_failing_is_told_once_until_it_changes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outcomes: list[Exception | int] = [
        *(OSError("gone") for _ in range(3)),
        *(OSError("denied") for _ in range(3)),
        1,
        OSError("denied"),
    ]

    def read() -> int:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    latest = Latest("a driver", read, 0)
    assert [await latest.value() for _ in range(8)] == [0, 0, 0, 0, 0, 0, 1, 1]
    told = [str(record.exc_info[1]) for record in caplog.records if record.exc_info]
    assert told == ["gone", "denied", "denied"]


def test_a_reading_that_never_ends_keeps_nobody_from_ending() -> None:
    command = [sys.executable, "-c", HANGS]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "None\n"
