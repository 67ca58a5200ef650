"""The file of who has joined and which tokens are handed out: for its user's eyes, though it holds hashes only.

Where it cannot be read the coordinator does not start: without it every node would be told that it was removed.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from coordinator.joining.admitted import Joined, Removed
from coordinator.joining.tokens import Handed
from shared.errors import Unavailable
from shared.settings import SettingsError
from shared.trust.private_files import private_directory, read_private, write_private

FILE = "joined.json"


class Kept(Struct, frozen=True):
    """All of it."""

    nodes: list[Joined] = []
    tokens: list[Handed] = []
    removed: list[Removed] = []


class JoinedFile:
    """`directory`: the fleet's, 0700. Everything here blocks for the disk."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def read(self) -> Kept:
        """Nothing where there is no file. Raises SettingsError where it is not to be read or trusted."""
        try:
            if self._path.parent.exists():
                private_directory(self._path.parent)
            content = read_private(self._path)
            return Kept() if content is None else msgspec.json.decode(content, type=Kept)
        except OSError as error:
            raise SettingsError(f"who has joined cannot be read: {error}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise SettingsError(
                f"{self._path} makes no sense: {error}; mend it, or take it away: then every node joins anew"
            ) from error

    def write(self, kept: Kept) -> None:
        """This and nothing else; one at a time. Raises Unavailable."""
        try:
            private_directory(self._path.parent)
            write_private(self._path, msgspec.json.encode(kept))
        except OSError as error:
            raise Unavailable(f"{self._path} cannot be written: {error.strerror}", retry_after=5) from error
