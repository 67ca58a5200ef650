"""A version of a model on disk changes with its files, and not by itself."""

import os
from pathlib import Path

from agent.models.version import files_of, size_of, version_of


def test_a_file_another_time_another_size_another_beginning(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    os.utime(path, ns=(1, 1))
    first = version_of(files_of(str(path)))
    assert first
    assert version_of(files_of(str(path))) == first
    os.utime(path, ns=(1, 2))
    second = version_of(files_of(str(path)))
    path.write_bytes(b"GGUG" + bytes(100))
    os.utime(path, ns=(1, 2))
    assert len({first, second, version_of(files_of(str(path)))}) == 3


def test_the_parts_of_a_file_and_all_of_a_directory_count(tmp_path: Path) -> None:
    parts = [tmp_path / f"m-0000{number}-of-00002.gguf" for number in (1, 2)]
    for part in parts:
        part.write_bytes(b"GGUF")
    assert files_of(str(parts[0])) == tuple(parts)
    assert size_of(files_of(str(parts[0]))) == 8
    before = version_of(files_of(str(parts[0])))
    os.utime(parts[1], ns=(1, 1))
    assert version_of(files_of(str(parts[0]))) != before
    assert files_of(str(tmp_path)) == tuple(parts)


def test_what_is_no_path_here_has_no_version(tmp_path: Path) -> None:
    for model in ("", "org/model", str(tmp_path / "nowhere")):
        assert files_of(model) == ()
        assert version_of(files_of(model)) == ""
    assert version_of([tmp_path / "gone"]) == ""
