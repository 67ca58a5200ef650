"""What a node has of the coordinator it joined: its own key and certificate, and the authority that it believes."""

import time
from pathlib import Path

import msgspec
from msgspec import Struct

from shared.trust.held import Held
from shared.trust.leaf import belongs
from shared.trust.private_files import private_directory, read_private, write_private

DIRECTORY = "joined"
FILE = "membership.json"


class BadMembership(Exception):
    """What is kept cannot be used; the text says what mends it."""


class Membership(Struct, frozen=True):
    """Keys and certificates as PEM."""

    coordinator_id: str
    authority: str
    key: str
    certificate: str

    def __repr__(self) -> str:
        """Without the key: it may come into a log."""
        return f"Membership({self.coordinator_id})"

    def held(self) -> Held:
        """As TLS takes it."""
        return Held(self.key.encode(), self.certificate.encode(), self.authority.encode())


class MembershipFile:
    """In the node's directory, 0700, one file, 0600, so that key and certificate always belong together.

    Everything here blocks for the disk.
    """

    def __init__(self, node_directory: Path) -> None:
        self._directory = node_directory / DIRECTORY
        self._path = self._directory / FILE

    def read(self) -> Membership | None:
        """None: this node has not joined. Raises BadMembership."""
        try:
            if not self._directory.exists():
                return None
            private_directory(self._directory)
            if (content := read_private(self._path)) is None:
                return None
            known = msgspec.json.decode(content, type=Membership)
            if belongs(known.key.encode(), known.certificate.encode()):
                return known
            raise ValueError("its key and its certificate do not belong together")
        except OSError as error:
            raise BadMembership(f"what this node has joined cannot be read: {error}") from error
        except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
            raise BadMembership(
                f"{self._path} makes no sense: {error}; herd-node leave puts it aside"
            ) from error

    def write(self, membership: Membership) -> None:
        """Raises OSError."""
        private_directory(self._directory)
        write_private(self._path, msgspec.json.encode(membership))

    def put_aside(self) -> Path | None:
        """This node has joined nobody any more; what it had is kept under another name. Raises OSError."""
        aside = self._path.with_name(f"membership-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.json")
        try:
            return self._path.replace(aside)
        except FileNotFoundError:
            return None
