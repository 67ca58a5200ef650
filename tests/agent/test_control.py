"""The file by which a person asks something of the agent of this machine."""

import asyncio
import logging
import stat
import sys
from pathlib import Path

import pytest

from agent.control import Control, ControlFile, Drain, Pause, read, watched, write
from shared.atomic import replaced
from shared.serving import cancelled
from tests.fakes.waiting import eventually

ASKED = Control(drain=Drain(since=1_000.0, deadline_s=600.0), pause=Pause(until=None))


def test_what_was_asked_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "control.json"
    assert read(path) == Control()
    write(path, ASKED)
    assert read(path) == ASKED
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b'{"drain": 5}', b'{"drain": {"since": "now"}}', b"[" * 100_000],
)
def test_a_file_that_is_none_asks_nothing_and_is_told(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "control.json"
    path.write_bytes(content)
    assert read(path) == Control()
    (record,) = caplog.records
    assert "control.json cannot be read" in record.getMessage()


def test_fields_of_a_later_version_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "control.json"
    path.write_bytes(b'{"drain": {"since": 1, "deadline_s": 2, "why": "x"}, "reboot": true}')
    assert read(path).drain == Drain(since=1.0, deadline_s=2.0)


def test_a_clock_that_went_back_makes_no_deadline_longer() -> None:
    drain = Drain(since=1_000.0, deadline_s=60.0)
    assert drain.left_s(1_010.0) == 50.0
    assert drain.left_s(1_100.0) == -40.0
    assert drain.left_s(10.0) == 60.0


async def test_a_change_is_seen_and_a_bad_file_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, seen = tmp_path / "control.json", [ASKED]

    async def look(control: Control) -> None:
        seen.append(control)

    watching = asyncio.create_task(watched(ControlFile(path), look, every_s=0.005))
    try:
        await eventually(lambda: seen[-1] == Control(), 2)
        write(path, ASKED)
        await eventually(lambda: seen[-1] == ASKED, 2)
        replaced(path, b"{")  # at once: written piece by piece it would be two bad files
        await eventually(lambda: seen[-1] == Control(), 2)
        count = len(seen)
        await eventually(lambda: len(seen) > count + 3, 2)
        write(path, ASKED)
        await eventually(lambda: seen[-1] == ASKED, 2)
        path.unlink()
        await eventually(lambda: seen[-1] == Control(), 2)
    finally:
        await cancelled(watching)
    (record,) = [each for each in caplog.records if "cannot be read" in each.getMessage()]
    assert record.levelno == logging.WARNING


async def test_a_fault_does_not_make_it_deaf(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tries = 0

    async def look(_control: Control) -> None:
        nonlocal tries
        tries += 1
        raise RuntimeError("oops")

    watching = asyncio.create_task(watched(ControlFile(tmp_path / "control.json"), look, every_s=0.001))
    try:
        await eventually(lambda: tries > 2, 2)
    finally:
        await cancelled(watching)
    assert "a fault of ours" in caplog.records[0].getMessage()


async def test_what_it_asked_stands_while_it_cannot_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "control.json"
    write(path, ASKED)
    file = ControlFile(path)
    assert await file.control() == ASKED
    path.unlink()
    path.mkdir()  # there, and not to be read
    assert [await file.control() for _ in range(3)] == [ASKED] * 3
    path.rmdir()
    assert await file.control() == Control()
    assert len([each for each in caplog.records if "stands" in each.getMessage()]) == 1
