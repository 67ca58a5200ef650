"""How much memory this process's control group still grants it: a container's limit is not the host's. Linux only."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

OWN = Path("/proc/self/cgroup")
ROOT = Path("/sys/fs/cgroup")
LIMIT_AND_USE = ("memory.max", "memory.current")
GIVEN_UP = ("inactive_file", "active_file", "slab_reclaimable")
"""Of memory.stat: what the kernel gives up when something else wants it."""
LIMIT_AND_USE_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes")


def memory_left(own: Path = OWN, root: Path = ROOT, *, with_files: bool = False) -> int | None:
    """Bytes up to the tightest limit of the groups that this process is in; None: there is none, or none can be read.

    What they keep of files counts as used, though the kernel would give it up: it is the least that is left.
    `with_files`: that counts as left.
    """
    try:
        lines = own.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return min((left for line in lines for left in _lefts(line, root, with_files=with_files)), default=None)


def _lefts(line: str, root: Path, *, with_files: bool) -> Iterator[int]:
    """Of one `ID:CONTROLLERS:PATH`, of its group and those around it; without controllers it is of version 2.

    In a container the path may be the host's, where nothing is found, and the container's own group is the root.
    """
    _, controllers, path = (*line.split(":", 2), "", "", "")[:3]
    if controllers and "memory" not in controllers.split(","):
        return
    base, names = (root / "memory", LIMIT_AND_USE_V1) if controllers else (root, LIMIT_AND_USE)
    group = PurePosixPath(path.strip("/"))
    if ".." in group.parts:  # outside of what can be seen from here
        group = PurePosixPath()
    for each in dict.fromkeys((group, *group.parents)):
        try:
            limit, used = (int((base / each / name).read_text()) for name in names)
        except (OSError, ValueError):
            continue  # `max`, or the root of the host
        files = _files(base / each / "memory.stat", v1=bool(controllers)) if with_files else 0
        yield max(0, limit - max(0, used - files))


def _files(path: Path, *, v1: bool) -> int:
    """Version 1 tells of a group with those below it under names of their own."""
    names = {f"total_{name}" if v1 else name for name in GIVEN_UP}
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
        return sum(int(line[1]) for line in lines if len(line) == 2 and line[0] in names)
    except (OSError, ValueError):
        return 0
