"""Which of two places the engine of a killed agent has, with real processes; the other one is ended."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.supervision.identity import Identity, lives, read, started_at, written
from agent.supervision.launch import Rung
from agent.supervision.places import other, settled

TICK_S = 0.05
"""In which the kernel's count of the time at which processes start goes on."""
COMMAND = (sys.executable, "-c", "import time; time.sleep(600)")


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for each in started:
        each.kill()
        each.wait()


def runs(
    directory: Path, place: str, processes: list[subprocess.Popen[bytes]], address: str = "x"
) -> Identity:
    """A process of an agent that is gone, and its file."""
    process = subprocess.Popen(COMMAND, start_new_session=True)
    processes.append(process)
    who = Identity(
        name="it",
        pid=process.pid,
        started=started_at(process.pid),
        command=COMMAND,
        mark=f"none-{process.pid}",
        rung=Rung.AS_IT_WAS,
        owner=2**22 + 1,
        owner_started=0.0,
        address=address,
    )
    written(directory / "engines" / f"{place}.json", who)
    return who


def test_the_places_alternate() -> None:
    assert (other("it"), other("it~2")) == ("it~2", "it")


def test_the_younger_that_was_ready_stays_and_the_other_is_ended(
    tmp_path: Path, processes: list[subprocess.Popen[bytes]]
) -> None:
    assert settled(tmp_path, "it") == "it"
    first = runs(tmp_path, "it", processes)
    time.sleep(TICK_S)
    second = runs(tmp_path, "it~2", processes)
    assert settled(tmp_path, "it") == "it~2"
    assert lives(second)
    assert not lives(first)
    assert read(tmp_path / "engines" / "it.json") is None


def test_one_that_was_never_ready_replaced_nothing(
    tmp_path: Path, processes: list[subprocess.Popen[bytes]]
) -> None:
    first = runs(tmp_path, "it", processes)
    second = runs(tmp_path, "it~2", processes, address="")
    assert settled(tmp_path, "it") == "it"
    assert lives(first)
    assert not lives(second)
