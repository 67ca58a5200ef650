"""The speed of memory: measured in the background, once, and never when memory is short."""

import asyncio
import functools
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.sensors import memory_speed
from agent.sensors.memory_speed import (
    FILE,
    MOST_TRIES,
    WORKING_SET_BYTES,
    Figure,
    MemorySpeed,
    available_bytes,
    best_of_copying,
    remembered,
    threads_for,
)
from tests.fakes.waiting import eventually

GIB, MIB = 2**30, 2**20
ROOT = Path(__file__).parents[3]
KILLED = """
import os, signal, sys, threading
from pathlib import Path
from agent.sensors.memory_speed import MemorySpeed

def measure():
    with (Path(sys.argv[1]) / "tries").open("a") as file:
        file.write("x")
    os.kill(os.getpid(), signal.SIGKILL)
    threading.Event().wait()

speed = MemorySpeed(Path(sys.argv[1]), measure, lambda: 0.0)
speed.gbps("c")
speed._thread.join()
"""


def idle() -> float:
    """A machine that does nothing else, in percent."""
    return 0.0


@pytest.mark.parametrize(
    ("cores", "available", "threads"), [(1, 8 * GIB, 1), (4, 8 * GIB, 4), (64, 512 * GIB, 8), (4, GIB - 1, 0)]
)
def test_how_many_copy_at_once(cores: int, available: int, threads: int) -> None:
    assert threads_for(cores, available) == threads


def test_copying_gives_a_plausible_figure_soon() -> None:
    began = time.monotonic()
    gbps = best_of_copying(2, 16 * MIB, window_s=0.05)
    assert 0.1 < gbps < memory_speed.MOST_GBPS
    assert time.monotonic() - began < 5


def test_a_block_that_does_not_fit_is_an_error_and_hangs_nobody() -> None:
    with pytest.raises(MemoryError, match="no room"):
        best_of_copying(3, 2**46)


async def test_the_loop_runs_on_while_it_is_measured() -> None:
    """It holds the interpreter for moments only, though it copies all the time."""
    measuring = asyncio.create_task(asyncio.to_thread(best_of_copying, 2, 32 * MIB))
    pauses = []
    while not measuring.done():
        before = time.monotonic()
        await asyncio.sleep(0)
        pauses.append(time.monotonic() - before)
    assert await measuring > 0
    assert len(pauses) > 100
    assert sorted(pauses)[-len(pauses) // 20] < 0.05


async def test_it_is_measured_once_for_a_chip(tmp_path: Path) -> None:
    figures = iter((31.46, 22.0))
    asked = 0

    def measure() -> float:
        nonlocal asked
        asked += 1
        return next(figures)

    async def known(speed: MemorySpeed, chip: str, gbps: float) -> None:
        await eventually(lambda: speed.gbps(chip) == gbps)

    await known(MemorySpeed(tmp_path, measure, idle), "a chip", 31.5)
    await eventually(lambda: remembered(tmp_path / FILE, "a chip") == Figure("a chip", 31.5))
    again = MemorySpeed(tmp_path, measure, idle)
    await known(again, "a chip", 31.5)
    assert asked == 1
    await known(MemorySpeed(tmp_path, measure, idle), "another chip", 22.0)
    assert asked == 2


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"chip":"c","gbps":-1}', b'{"chip":"c","gbps":1e9}', b"\xff\xfe", b"[" * 100_000],
)
def test_a_file_that_makes_no_sense_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert remembered(tmp_path / FILE, "c") == Figure("c")


async def test_a_figure_that_cannot_be_kept_is_told_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    speed = MemorySpeed(tmp_path / "nowhere", lambda: 12.0, idle)
    await eventually(lambda: speed.gbps("c") == 12.0)
    await eventually(lambda: "not remembered" in caplog.text)


async def test_a_machine_that_cannot_be_measured_stays_unknown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def short() -> float:
        raise MemoryError("short")

    def told(times: int) -> bool:
        return caplog.text.count("cannot be measured") == times

    for start in range(1, MOST_TRIES + 3):  # it harms nobody: each start tries again
        speed = MemorySpeed(tmp_path, short, idle)
        assert speed.gbps("c") == 0.0
        await eventually(functools.partial(told, start))
        await eventually(lambda: remembered(tmp_path / FILE, "c") == Figure("c"))
        assert speed.gbps("c") == 0.0


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_who_is_killed_for_measuring_stops_trying(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    codes = [
        subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode for _ in range(MOST_TRIES + 2)
    ]
    assert codes == [-signal.SIGKILL] * MOST_TRIES + [0, 0]
    assert (tmp_path / "tries").read_text() == "x" * MOST_TRIES


async def test_tries_on_another_chip_do_not_count(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(f'{{"chip":"another","gbps":0.0,"tries":{MOST_TRIES}}}')
    speed = MemorySpeed(tmp_path, lambda: 12.0, idle)
    await eventually(lambda: speed.gbps("c") == 12.0)


def test_the_limit_of_a_container_counts() -> None:
    host = available_bytes(None)
    assert host > 0
    assert available_bytes(256 * MIB) <= 256 * MIB < 4 * WORKING_SET_BYTES
    assert threads_for(4, available_bytes(256 * MIB)) == 0
    assert available_bytes(2**62) > 0


async def test_a_busy_machine_is_left_alone_until_it_is_not(tmp_path: Path) -> None:
    """It would seem to be slow, for ever."""
    busy, measured = [100.0, 60.0, 5.0], []

    def measure() -> float:
        measured.append(len(busy))
        return 31.0

    speed = MemorySpeed(tmp_path, measure, lambda: busy.pop(0), look_again_s=0.01)
    await eventually(lambda: speed.gbps("c") == 31.0)
    assert measured == [0]
