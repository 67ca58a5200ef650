"""How much memory this process's control group still grants it: a container's limit is not the host's. Linux only."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

OWN = Path("/proc/self/cgroup")
ROOT = Path("/sys/fs/cgroup")
LIMIT_AND_USE = ("memory.max", "memory.current")
LIMIT_AND_USE_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes")


def memory_left(own: Path = OWN, root: Path = ROOT) -> int | None:
    """Bytes up to the tightest limit of the groups that this process is in; None: there is none, or none can be read.

    What they keep of files counts as used, though the kernel would give it up: it is the least that is left.
    """
    try:
        lines = own.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return min((left for line in lines for left in _lefts(line, root)), default=None)


def _lefts(line: str, root: Path) -> Iterator[int]:
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
        yield max(0, limit - used)
