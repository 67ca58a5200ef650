"""The file in which the owner's week is kept. Everything here blocks for the disk."""

from pathlib import Path

from agent.capacity.slots import Week, new_week
from agent.kept_file import KeptFile
from agent.kept_file import encoded as content_of

FILE = "capacity.json"
"""In the node's directory; a few kilobytes, whatever time passes."""


class Store:
    """`path`: the file."""

    def __init__(self, path: Path) -> None:
        self._file = KeptFile(path, Week, "learning the owner's use")

    def read(self, now: float) -> Week:
        """What was learned; a new week where there is no file, or none that can be used. `now`: since the epoch."""
        return self._file.read() or new_week(now)

    def write(self, content: bytes) -> None:
        """All of it or nothing."""
        self._file.write(content)


def encoded(week: Week) -> bytes:
    """The file's content."""
    return content_of(week)
