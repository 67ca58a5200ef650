"""Control groups (version 2) that bound what an engine's whole tree takes of the host's memory. May block.

Such groups can be made where the one that this agent is in was delegated to it: by systemd (Delegate=memory), by its
owner, or by a container. Source: the kernel's cgroup-v2.rst (a group whose children are bounded has no processes of its
own; memory.max; memory.oom.group) and systemd's CGROUP_DELEGATION.md (the attribute `delegate`).
"""

import contextlib
import logging
import os
from pathlib import Path

OWN = Path("/proc/self/cgroup")
ROOT = Path("/sys/fs/cgroup")
CONTROLLER = "memory"
AGENT, ENGINE = "herd-node", "herd-engine-"
"""Names of the groups that are made."""
DELEGATED = ("user.delegate", "trusted.delegate")

log = logging.getLogger("herd-node.supervisor")


class MemoryGroups:
    """One agent's. `own` and `root`: where Linux tells of them."""

    def __init__(self, own: Path = OWN, root: Path = ROOT) -> None:
        self._own, self._root = own, root
        self._base: Path | None = None

    def prepare(self) -> bool:
        """Once, before the first engine. Whether groups can be made; this process may be in a new one then."""
        group = self._group()
        if group is None:
            return False
        below = group != self._root and (group.name == AGENT or _is_delegated(group.parent))
        outside = group.parent if below else None
        try:
            if _is_delegated(group) or group == self._root:
                _moved_down(group)
                self._base = group
            elif outside is not None:
                _turned_on(outside)
                self._base = outside
        except OSError as error:
            log.debug("memory is not bounded by control groups: %s", error)
        return self._base is not None

    def made(self, name: str, most_bytes: int) -> Path | None:
        """For one engine; None where it cannot be."""
        if self._base is None:
            return None
        group = self._base / f"{ENGINE}{name}"
        try:
            group.mkdir(exist_ok=True)
            (group / "memory.max").write_text(f"{most_bytes}\n")
            (group / "memory.oom.group").write_text("1\n")
        except OSError as error:
            log.warning("the memory of %s is not bounded by a control group: %s", name, error)
            return None
        return group

    def removed(self, name: str) -> None:
        """Once none of its processes lives."""
        if self._base is not None:
            with contextlib.suppress(OSError):
                (self._base / f"{ENGINE}{name}").rmdir()

    def _group(self) -> Path | None:
        """This process's, where memory can be bounded below it."""
        try:
            lines = self._own.read_text().splitlines()
            path = next(line[3:] for line in lines if line.startswith("0::"))
            group = self._root / path.strip("/") if ".." not in path else self._root
            kinds = (group / "cgroup.controllers").read_text().split()
        except (OSError, UnicodeDecodeError, StopIteration):
            return None
        return group if CONTROLLER in kinds else None


def _is_delegated(group: Path) -> bool:
    if hasattr(os, "getxattr"):
        for name in DELEGATED:
            with contextlib.suppress(OSError):
                if os.getxattr(group, name) == b"1":
                    return True
    with contextlib.suppress(OSError, AttributeError):
        return group.stat().st_uid == os.geteuid() != 0
    return False


def _moved_down(group: Path) -> None:
    """This process into a group of its own, so that those beside it can be bounded. All or nothing. Raises OSError."""
    if CONTROLLER in (group / "cgroup.subtree_control").read_text().split():
        return
    ours = group / AGENT
    ours.mkdir(exist_ok=True)
    (ours / "cgroup.procs").write_text(f"{os.getpid()}\n")
    try:
        _turned_on(group)
    except OSError:
        with contextlib.suppress(OSError):
            (group / "cgroup.procs").write_text(f"{os.getpid()}\n")
            ours.rmdir()
        raise


def _turned_on(group: Path) -> None:
    (group / "cgroup.subtree_control").write_text(f"+{CONTROLLER}\n")
