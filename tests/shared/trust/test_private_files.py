"""Secrets on the disk: their user's alone, or not read."""

import os
import sys
from pathlib import Path

import pytest

from shared.trust.private_files import LIMIT, NotPrivate, private_directory, read_private, write_private

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such bits there")


def test_what_was_written_is_read_and_nobody_elses(tmp_path: Path) -> None:
    place = tmp_path / "fleet"
    private_directory(place)
    write_private(place / "key", b"one")
    write_private(place / "key", b"two")
    assert read_private(place / "key") == b"two"
    assert (place.stat().st_mode & 0o777, (place / "key").stat().st_mode & 0o777) == (0o700, 0o600)
    assert [each.name for each in place.iterdir()] == ["key"]


def test_what_is_not_there_is_nothing(tmp_path: Path) -> None:
    assert read_private(tmp_path / "key") is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666], ids=oct)
def test_a_wide_file_is_refused_with_what_mends_it(tmp_path: Path, mode: int) -> None:
    key = tmp_path / "key"
    write_private(key, b"secret")
    key.chmod(mode)
    with pytest.raises(NotPrivate, match=f"chmod 600 '{key}'"):
        read_private(key)


def test_a_wide_directory_is_refused_with_what_mends_it(tmp_path: Path) -> None:
    place = tmp_path / "fleet"
    place.mkdir()
    place.chmod(0o750)
    with pytest.raises(NotPrivate, match=f"chmod 700 '{place}'"):
        private_directory(place)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_another_users_file_is_refused(tmp_path: Path) -> None:
    key = tmp_path / "key"
    write_private(key, b"secret")
    os.chown(key, 12_345, -1)
    with pytest.raises(NotPrivate, match="another user"):
        read_private(key)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"secret")
    (tmp_path / "real").chmod(0o600)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe", 0o600)
    for odd in ("link", "pipe", "."):
        with pytest.raises(OSError, match=r"."):
            read_private(tmp_path / odd)
    private = tmp_path / "place"
    private.symlink_to(tmp_path)
    with pytest.raises(OSError, match=r"."):
        private_directory(private)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    write_private(tmp_path / "key", bytes(LIMIT + 1))
    with pytest.raises(NotPrivate, match="none of ours"):
        read_private(tmp_path / "key")
