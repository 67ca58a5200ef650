"""The file of a log at midnight, on a full disk, and with other processes at it."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shared.log_file import DAY_S, DailyFile

ROOT = Path(__file__).parents[2]
NOON = (int(time.time()) // DAY_S) * DAY_S + DAY_S // 2
PROCESSES, LINES = 6, 100
ACROSS_MIDNIGHT = """
import logging, sys, time
from pathlib import Path
from shared.log_file import DAY_S, DailyFile
ago = [DAY_S]
name = sys.argv[2]
handler = DailyFile(Path(sys.argv[1]), 30, print, lambda: time.time() - ago[0])
def say(text):
    handler.emit(logging.LogRecord("x", logging.INFO, "", 0, text, None, None))
say(f"before {name} " + "x" * 200)
print("ready", flush=True)
sys.stdin.readline()
ago[0] = 0
for number in range(int(sys.argv[3])):
    say(f"after {name} {number} " + "x" * 200)
"""


class Log:
    """A file with a clock that the test sets, and what was told of it."""

    def __init__(self, path: Path, kept: int = 30) -> None:
        self.path = path
        self.now = float(NOON)
        self.told: list[str] = []
        self.handler = DailyFile(path, kept, self.told.append, lambda: self.now)

    def say(self, text: str) -> None:
        self.handler.emit(logging.LogRecord("x", logging.INFO, "", 0, text, None, None))
        os.utime(self.path, (self.now, self.now))

    def lines(self, end: str = "") -> list[str]:
        return self.path.with_name(self.path.name + end).read_text().splitlines()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path / "logs" / "herd.jsonl")
    yield log
    log.handler.close()


def date(seconds: float) -> str:
    return time.strftime(".%Y-%m-%d", time.gmtime(seconds))


def test_it_turns_over_at_midnight_utc(log: Log) -> None:
    log.now = NOON + DAY_S / 2 - 1
    log.say("the last of a day")
    log.now += 1
    log.say("the first of the next")
    assert log.lines(date(NOON)) == ["the last of a day"]
    assert log.lines() == ["the first of the next"]


def test_a_process_that_starts_on_a_later_day_turns_over_what_it_finds(log: Log) -> None:
    log.say("of the day before")
    log.handler.close()
    log.now += DAY_S
    later = Log(log.path)
    later.now = log.now
    later.say("of today")
    later.handler.close()
    assert log.lines(date(NOON)) == ["of the day before"]
    assert log.lines() == ["of today"]


def test_the_newest_days_are_kept_and_other_files_too(tmp_path: Path) -> None:
    log = Log(tmp_path / "herd.jsonl", kept=3)
    with closing(log.handler):
        six_days(log)
    assert [log.lines(date(NOON + day * DAY_S)) for day in (2, 3, 4)] == [["2"], ["3"], ["4"]]
    assert len(list(tmp_path.iterdir())) == 3 + 1 + 3


def six_days(log: Log) -> None:
    for other in ("herd.jsonl.2026-01-01.gz", "herd-node.jsonl.2026-01-01", "herd.jsonl.corrupt"):
        (log.path.parent / other).write_text("")
    for day in range(6):
        log.now = NOON + day * DAY_S
        log.say(str(day))


def test_a_clock_that_went_back_costs_no_day(log: Log) -> None:
    log.say("kept")
    log.now += DAY_S
    log.say("tomorrow")
    log.now -= DAY_S
    log.say("today again")
    os.utime(log.path, (log.now, log.now))
    log.handler.close()
    log.now += DAY_S
    log.say("tomorrow again")
    assert log.lines(date(NOON)) == ["kept"]
    assert log.lines() == ["tomorrow", "today again", "tomorrow again"]


def test_a_file_that_somebody_moved_or_deleted_is_begun_anew(log: Log) -> None:
    log.say("one")
    log.path.rename(log.path.with_name("elsewhere"))
    log.say("two")
    assert log.lines() == ["two"]
    log.path.unlink()
    log.path.with_name("elsewhere").unlink()
    log.path.parent.rmdir()
    log.say("three")
    assert log.lines() == ["three"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_loses_lines_tells_once_and_goes_on(log: Log) -> None:
    log.path.parent.mkdir()
    log.path.symlink_to("/dev/full")
    for number in range(5):
        log.handler.emit(logging.LogRecord("x", logging.INFO, "", 0, f"lost {number}", None, None))
    assert len(log.told) == 1
    assert "No space left on device" in log.told[0]
    log.path.unlink()
    log.say("there is room")
    assert log.lines() == ["there is room"]
    assert log.told[1:] == ["the log file is written again; 5 lines are lost"]


def test_a_line_that_was_cut_off_spoils_no_other(log: Log) -> None:
    log.path.parent.mkdir()
    log.path.write_text('{"msg": "who')
    log.say("whole")
    log.say("whole again")
    assert log.lines() == ['{"msg": "who', "whole", "whole again"]


def both_days(path: Path) -> tuple[list[str], list[str]]:
    """The lines put aside, and those of today. Fails where there is any other file."""
    (aside,) = set(path.parent.iterdir()) - {path}
    before, after = ([line for line in each.read_text().splitlines() if line] for each in (aside, path))
    return before, after


async def test_many_processes_at_midnight_lose_no_line_and_no_day(tmp_path: Path) -> None:
    """As several agents of one user do. Each has the file open and writes across midnight at once."""
    path = tmp_path / "herd-node.jsonl"
    processes = []
    for number in range(PROCESSES):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", ACROSS_MIDNIGHT, str(path), str(number), str(LINES)),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        processes.append(process)
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        yesterday = time.time() - DAY_S
        os.utime(path, (yesterday, yesterday))
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
    ended = await asyncio.gather(*(process.communicate() for process in processes))
    assert [(said, process.returncode) for (said, _), process in zip(ended, processes, strict=True)] == [
        (b"", 0)
    ] * PROCESSES
    before, after = both_days(path)
    assert sorted(line.split()[1] for line in before) == [str(number) for number in range(PROCESSES)]
    expected = {(str(name), str(number)) for name in range(PROCESSES) for number in range(LINES)}
    assert {tuple(line.split()[1:3]) for line in after} == expected
    assert len(after) == len(expected)
    assert {len(line.split()) for line in after} == {4}
