"""Files that are whole whatever happens."""

import os
import stat
import sys
from pathlib import Path

import pytest

from shared.atomic import replaced


def test_the_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    replaced(path, b"one")
    replaced(path, b"2")
    assert path.read_bytes() == b"2"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bits")
def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    replaced(tmp_path / "a.json", b"one")
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o600


def test_what_cannot_be_put_there_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        replaced(tmp_path / "taken", b"one")
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]


def test_a_link_where_it_is_written_first_is_not_followed(tmp_path: Path) -> None:
    """Where others may write, too, somebody may have put one there."""
    other, path = tmp_path / "other", tmp_path / "a.json"
    other.write_bytes(b"somebody else's")
    path.with_name(f"a.json.{os.getpid()}.partial").symlink_to(other)
    replaced(path, b"one")
    assert (other.read_bytes(), path.read_bytes(), path.is_symlink()) == (b"somebody else's", b"one", False)
