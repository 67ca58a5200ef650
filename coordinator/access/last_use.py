"""When each key was shown last, in a file of its own: the coordinator writes this one, the verbs that of the keys."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from shared.atomic import replaced

FILE = "keys-used.json"


def read(path: Path) -> dict[str, float]:
    """By id, seconds of Unix time; nothing where there is no file, or none that makes sense. Blocks for the disk."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, float])
    except (OSError, ValueError, RecursionError):  # an error of decoding is a ValueError
        return {}


class LastUse:
    """What it remembers is bounded by the keys that there are: others are not told to it, and `taken` forgets."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._used: dict[str, float] = {}
        self._changed = False

    def remember(self) -> None:
        """What the file tells. Blocks for the disk."""
        self._used = read(self._path) | self._used

    def used(self, key_id: str, now: float) -> None:
        """At that Unix time. Microseconds."""
        self._used[key_id] = now
        self._changed = True

    def taken(self, known: Callable[[str], bool]) -> Callable[[], None] | None:
        """Writes it down, without the keys that are not `known`: blocks for the disk, raises OSError. None: nothing
        is new.
        """
        if not self._changed:
            return None
        self._changed = False
        self._used = {key_id: at for key_id, at in self._used.items() if known(key_id)}
        content = msgspec.json.encode(self._used)

        def write() -> None:
            os.makedirs(self._path.parent, mode=0o700, exist_ok=True)  # noqa: PTH103 - mode of the last one
            replaced(self._path, content)

        return write
