"""Which agent runs in a directory."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from agent.presence import FILE, Presence, found, own, tell


def test_a_running_program_is_found(tmp_path: Path) -> None:
    assert found(tmp_path) is None
    mine = msgspec.structs.replace(own(), drained_since=5.0, running=3)
    tell(tmp_path, mine)
    assert found(tmp_path) == mine
    assert mine.pid == os.getpid()


def test_one_that_was_killed_is_not(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        mine = own()
        tell(tmp_path, msgspec.structs.replace(mine, pid=child.pid, started=mine.started - 60))
        assert found(tmp_path) is None, "its number was another's before"
        child.kill()
    tell(tmp_path, msgspec.structs.replace(own(), pid=child.pid))
    assert found(tmp_path) is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[]", b'{"pid": "me"}', b'{"pid": -1, "started": 0}']
)
def test_a_file_that_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert found(tmp_path) is None


def test_it_needs_a_place(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"agent\.json"):
        tell(tmp_path / "nowhere", Presence(pid=1, started=0.0))
