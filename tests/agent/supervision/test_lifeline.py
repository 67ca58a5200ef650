"""The named pipe that holds a worker: the kernel tells both ends of the other."""

import os
import select
import sys
from pathlib import Path

import pytest

from agent.supervision.lifeline import laid, taken_up

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no named pipes")


def hung_up(descriptor: int) -> bool:
    ends = select.poll()
    ends.register(descriptor, 0)
    return bool(ends.poll(0))


def test_who_holds_it_may_change(tmp_path: Path) -> None:
    path = tmp_path / "engines" / "it.pipe"
    both = laid(path)
    assert both is not None
    theirs, ours = both
    assert not hung_up(theirs)
    os.close(ours)
    assert hung_up(theirs)
    again = taken_up(path)
    assert again is not None
    assert not hung_up(theirs)
    os.close(again)
    os.close(theirs)
    assert taken_up(path) is None  # nobody is at the other end


def test_a_new_pipe_is_not_the_one_that_a_worker_of_before_holds(tmp_path: Path) -> None:
    path = tmp_path / "it.pipe"
    before, after = laid(path), laid(path)
    assert before is not None
    assert after is not None
    os.close(before[1])
    assert hung_up(before[0])
    assert not hung_up(after[0])
    for descriptor in (before[0], *after):
        os.close(descriptor)


def test_where_none_can_be_made_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert laid(tmp_path / "file" / "it.pipe") is None
    assert taken_up(tmp_path / "it.pipe") is None
