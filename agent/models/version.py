"""Which version of a model is on disk, told cheaply: by sizes, times of change and the files' beginnings.

Blocks for the disk.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from agent.models.files import split_paths
from agent.models.refusal import ModelRefused

BEGINNING = 2**20
"""Bytes of each file that are read: the header, or most of it."""
FILES_MOST = 1_000
"""Of a directory."""


def files_of(model: str) -> tuple[Path, ...]:
    """A GGUF file with those that go with it, or all files of a directory; none for what is no path here."""
    path = Path(model).expanduser() if model else None
    if path is None or not path.exists():
        return ()
    if path.is_dir():
        return tuple(sorted(each for each in path.iterdir() if each.is_file()))[:FILES_MOST]
    try:
        return split_paths(path)
    except ModelRefused:
        return (path,)


def version_of(files: Iterable[Path]) -> str:
    """Changes with any of them; empty where there is none that can be read."""
    told, any_read = hashlib.sha256(), False
    for path in files:
        try:
            state = path.stat()
            with path.open("rb") as file:
                beginning = file.read(BEGINNING)
        except OSError:
            told.update(f"{path.name} is away\n".encode())
            continue
        any_read = True
        told.update(f"{path.name} {state.st_size} {state.st_mtime_ns}\n".encode() + beginning)
    return told.hexdigest() if any_read else ""


def size_of(files: Iterable[Path]) -> int:
    """Bytes of them all that can be read."""
    total = 0
    for path in files:
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total
