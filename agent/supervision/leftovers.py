"""Files that an engine leaves when it dies: shared memory, registries. Only those that it made. May block."""

import glob
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil

log = logging.getLogger("herd-node.supervisor")


def swept(patterns: Sequence[str], pids: Iterable[int], port: int | None, since: float) -> list[str]:
    """Removes them and says which. `pids`: of its processes, all ended; `since`: its start, since the epoch.

    A name with the process or the port in it is the engine's. Any other must be this user's, younger than the engine,
    and open in no process: another engine may leave the like.
    """
    named, nameless = set[Path](), set[Path]()
    for pattern in patterns:
        filled = filled_in(pattern, pids, port)
        (nameless if filled == [pattern] else named).update(
            Path(found)
            for each in filled
            for found in glob.glob(str(Path(each).expanduser()))  # noqa: PTH207
        )
    nameless = {path for path in nameless - named if _young(path, since)}
    if nameless:
        nameless -= _open_somewhere()
    return sorted(str(path) for path in named | nameless if _removed(path))


def filled_in(pattern: str, pids: Iterable[int], port: int | None) -> list[str]:
    """The globs that one stands for. One with a port is none while no port is known."""
    if "{port}" in pattern:
        if port is None:
            return []
        pattern = pattern.replace("{port}", str(port))
        if "{pid}" not in pattern:
            return [pattern]
    return [pattern.replace("{pid}", str(pid)) for pid in pids] if "{pid}" in pattern else [pattern]


def _young(path: Path, since: float) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    mine = sys.platform == "win32" or status.st_uid == os.getuid()
    return mine and status.st_mtime >= since


def _open_somewhere() -> set[Path]:
    """All files that processes of this user hold open or have mapped."""
    found = set[Path]()
    for process in psutil.process_iter():
        for listed in ("open_files", "memory_maps"):
            try:
                found.update(Path(each.path) for each in getattr(process, listed)())
            except (psutil.Error, OSError, AttributeError):
                continue  # another user's, or ended; macOS tells no maps
    return found


def _removed(path: Path) -> bool:
    try:
        path.unlink()
    except OSError as error:
        log.warning("%s is left behind: %s", path, error)
        return False
    return True
