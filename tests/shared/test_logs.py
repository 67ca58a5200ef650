"""JSON lines in a file that turns over daily; a queue that never holds anybody up."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.batches import Batches
from shared.logs import GATHER_S, Door, JsonLines, LateRecord, logging_to
from tests.fakes.waiting import eventually

log = logging.getLogger("herd.test")
ROOT = Path(__file__).parents[2]
DAY_S = 86_400
SLACK_S = 0.5


@pytest.fixture(autouse=True)
def _level_of_the_root() -> Iterator[None]:
    root = logging.getLogger()
    before = root.level
    yield
    root.setLevel(before)


def lines(directory: Path) -> list[dict[str, object]]:
    """Our own lines of the log file."""
    text = (directory / "herd.jsonl").read_text(encoding="utf-8")
    return [each for each in map(json.loads, text.split("\n")[:-1]) if each["logger"] == "herd.test"]


def a_record(message: str = "hello") -> logging.LogRecord:
    return logging.LogRecord("herd.test", logging.INFO, "", 0, message, None, None)


def test_a_line_is_json_with_what_the_record_carries(tmp_path: Path) -> None:
    with logging_to(tmp_path / "logs", "herd", "DEBUG", "ERROR"):
        log.info("call %s\nended", "c1", extra={"request_id": "c1", "retries": 2, "prompt": "hello"})
    (line,) = lines(tmp_path / "logs")
    assert str(line.pop("ts")).endswith("+00:00")
    assert line == {
        "level": "INFO",
        "logger": "herd.test",
        "msg": "call c1\nended",
        "request_id": "c1",
        "retries": 2,
    }


def test_lines_of_processes_that_share_a_file_say_whose_they_are(tmp_path: Path) -> None:
    for name in ("n1", "n2"):
        with logging_to(tmp_path, "herd", "DEBUG", "ERROR", {"node_id": name}):
            log.info("mine")
            log.info("of another", extra={"node_id": "n3"})
    assert [line["node_id"] for line in lines(tmp_path)] == ["n1", "n3", "n2", "n3"]


def test_an_exception_stays_one_line() -> None:
    record = a_record()
    try:
        raise ValueError("broken")
    except ValueError:
        record.exc_info = sys.exc_info()
    text = JsonLines({}).format(record)
    assert "\n" not in text
    assert "ValueError: broken" in json.loads(text)["exception"]


def test_no_message_steers_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        logging.getLogger(), "handlers", []
    )  # pytest's own keep what cannot be sent to its parent
    odd = "\x1b]0;owned\x07\x1b[2J\r\n12:00:00 INFO fake\x9b\u202e\u2028\ud800 über 日本 \\"
    with logging_to(tmp_path, "herd", "INFO", "INFO"):
        log.info("it said %s", odd)
        try:
            raise ValueError(odd)
        except ValueError:
            log.exception("it failed")
    shown = capsys.readouterr().err
    assert all(line.isprintable() for line in shown.split("\n"))
    escaped = r"\x1b]0;owned\x07\x1b[2J\r\n12:00:00 INFO fake\x9b\u202e\u2028\ud800 über 日本 " + "\\"
    first, second, *traceback = shown.splitlines()
    assert first.endswith(f"INFO    it said {escaped}")
    assert second.endswith("ERROR   it failed")
    assert traceback[0] == "Traceback (most recent call last):"
    assert lines(tmp_path)[0]["msg"] == "it said " + odd.replace("\ud800", r"\ud800")


def test_levels_of_file_and_terminal_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(tmp_path, "herd", "INFO", "WARNING"):
        log.debug("nobody")
        log.info("the file")
        log.warning("both")
    assert [line["msg"] for line in lines(tmp_path)] == ["the file", "both"]
    shown = capsys.readouterr().err
    assert "WARNING both" in shown
    assert "the file" not in shown


def test_30_days_are_kept(tmp_path: Path) -> None:
    newest = time.time() - DAY_S
    for age in range(40):
        day = time.strftime("%Y-%m-%d", time.gmtime(newest - (age + 1) * DAY_S))
        (tmp_path / f"herd.jsonl.{day}").write_text("{}\n", encoding="utf-8")
    current = tmp_path / "herd.jsonl"
    current.write_text('{"logger": "herd.test", "msg": "of yesterday"}\n', encoding="utf-8")
    os.utime(current, (newest, newest))
    with logging_to(tmp_path, "herd", "INFO", "ERROR"):
        log.info("of today")
    assert [line["msg"] for line in lines(tmp_path)] == ["of today"]
    kept = sorted(tmp_path.glob("herd.jsonl.*"))
    assert len(kept) == 30
    assert "of yesterday" in kept[-1].read_text(encoding="utf-8")


def test_without_a_file_the_terminal_still_says_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be", encoding="utf-8")
    with logging_to(tmp_path / "taken", "herd", "DEBUG", "INFO"):
        log.info("still here")
    shown = capsys.readouterr().err
    assert "WARNING no log file: " in shown
    assert "INFO    still here" in shown


def test_after_the_block_nothing_is_left_behind(tmp_path: Path) -> None:
    before = list(logging.getLogger().handlers)
    with logging_to(tmp_path, "herd", "DEBUG", "ERROR"):
        pass
    assert logging.getLogger().handlers == before


def held(records: Batches[logging.LogRecord]) -> list[str]:
    """What lies there, taken out."""
    return [each.getMessage() for each in records.take(0)]


def test_a_full_queue_drops_and_counts() -> None:
    records: Batches[logging.LogRecord] = Batches(2, 10, 0)
    door = Door(records)
    for number in range(5):
        door.handle(a_record(f"line {number}"))
    assert held(records) == ["line 0", "line 1"]
    door.handle(a_record("line 5"))
    door.handle(a_record("line 6"))
    assert held(records) == ["line 5", "3 log lines dropped"]
    door.handle(a_record("line 7"))
    assert held(records) == ["line 7", "1 log lines dropped"]


def test_arguments_are_read_at_once() -> None:
    records: Batches[logging.LogRecord] = Batches(2, 10, 0)
    names = ["c1"]
    record = logging.LogRecord("herd.test", logging.INFO, "", 0, "calls: %s", (names,), None)
    Door(records).handle(record)
    names.append("c2")
    assert held(records) == ["calls: ['c1']"]


class Late(LateRecord):
    """One that says where it was put into words."""

    def __init__(self, said: list[str], level: int = logging.INFO) -> None:
        super().__init__("herd.test", level, 1_700_000_000.25)
        self._said = said

    def told(self) -> tuple[str, dict[str, object]]:
        self._said.append(threading.current_thread().name)
        return "ended %s", {"request_id": "c1"}


def test_a_late_record_is_put_into_words_by_the_writer_in_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own put it into words at once
    said: list[str] = []
    with logging_to(tmp_path, "herd", "INFO", "ERROR"):
        log.info("before")
        log.handle(Late(said))
        log.info("after")
    assert set(said) == {"logs"}
    before, late, after = lines(tmp_path)
    assert (before["msg"], after["msg"]) == ("before", "after")
    assert late == {
        "ts": "2023-11-14T22:13:20.250+00:00",
        "level": "INFO",
        "logger": "herd.test",
        "msg": "ended %s",
        "request_id": "c1",
    }


def test_a_late_record_is_as_any_other_to_other_handlers(caplog: pytest.LogCaptureFixture) -> None:
    log.handle(Late([], logging.WARNING))
    (record,) = caplog.records
    assert (record.message, record.levelname, record.__dict__["request_id"]) == ("ended %s", "WARNING", "c1")
    assert logging.Formatter("%(created)f %(msecs)d %(lineno)d").format(record) == "1700000000.250000 250 0"


@pytest.mark.alone
async def test_a_line_is_in_the_file_within_a_moment(tmp_path: Path) -> None:
    with logging_to(tmp_path, "herd", "INFO", "ERROR"):
        log.info("the first opens the file")
        await eventually(lambda: (tmp_path / "herd.jsonl").exists() and len(lines(tmp_path)) == 1)
        began = time.monotonic()
        log.info("line")
        await eventually(lambda: len(lines(tmp_path)) == 2)
        assert time.monotonic() - began < GATHER_S + SLACK_S


def test_lines_are_written_together_not_one_by_one(tmp_path: Path) -> None:
    with logging_to(tmp_path, "herd", "INFO", "ERROR"):
        for number in range(2_500):
            log.info("line %d", number)
    assert [line["msg"] for line in lines(tmp_path)] == [f"line {number}" for number in range(2_500)]


ENDING = """
import logging, os, signal, sys, time
from pathlib import Path
from shared.logs import logging_to
with logging_to(Path(sys.argv[1]), "herd", "INFO", "CRITICAL"):
    for number in range(3_000):
        logging.getLogger("herd.test").info("line %d", number)
    if sys.argv[2] == "killed":
        time.sleep(float(sys.argv[3]))
        os.kill(os.getpid(), signal.SIGKILL)
    if sys.argv[2] == "an exception":
        raise ValueError("as the test says")
"""


@pytest.mark.alone
@pytest.mark.parametrize("end", ["the end", "an exception", "killed"])
def test_no_end_costs_a_line_that_is_older_than_a_moment(tmp_path: Path, end: str) -> None:
    argv = [sys.executable, "-c", ENDING, str(tmp_path), end, str(GATHER_S + SLACK_S)]
    subprocess.run(argv, cwd=ROOT, timeout=60, check=False, capture_output=True)
    assert [line["msg"] for line in lines(tmp_path)] == [f"line {number}" for number in range(3_000)]
