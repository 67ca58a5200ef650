"""Disks that a test can fill, or that take nothing, without touching those of the machine."""

import resource
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

BLOCK = bytes(4096)
MOUNTED = 'mount -t tmpfs -o "$0" none "$1" && shift && exec "$@"'


def can_mount() -> bool:
    """Whether a process may have mounts of its own here: Linux, and root in a container that lets it."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    command = [unshare, "--mount", "sh", "-c", "mount -t tmpfs none /mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def mounted(directory: Path, options: str) -> Sequence[str]:
    """A command that gives the one after it a disk of its own at `directory`; it goes with the process."""
    directory.mkdir(parents=True, exist_ok=True)
    return ["unshare", "--mount", "sh", "-c", MOUNTED, options, str(directory)]


class SmallDisk:
    """A program's data directory, as that program sees it."""

    def __init__(self, pid: int, directory: Path, *, is_mounted: bool) -> None:
        """Where nothing may be mounted, no file of the program may grow instead."""
        self._pid = pid
        self._is_mounted = is_mounted
        self.path = Path(f"/proc/{pid}/root{directory.resolve()}")
        """The directory, from outside."""

    def fill(self) -> None:
        """To its last byte."""
        if not self._is_mounted:
            resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
            return
        with (self.path / "filler").open("wb", buffering=0) as file:
            try:
                while file.write(BLOCK):
                    pass
            except OSError:
                return

    def free(self) -> None:
        """Undoes `fill`."""
        if self._is_mounted:
            (self.path / "filler").unlink()
        else:
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(self._pid, resource.RLIMIT_FSIZE, unlimited)
