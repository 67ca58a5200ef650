"""The file by which an agent of the same user on this machine joins: a token anew at each start, for its eyes only."""

from pathlib import Path

from shared.trust import token
from shared.trust.private_files import write_private
from shared.trust.token import Token

FILE = "local-join"


def offered(directory: Path, spki: bytes) -> Token:
    """Written to the coordinator's data directory. Blocks for the disk. Raises OSError."""
    made = token.new(spki)
    write_private(directory / FILE, f"{made.text}\n".encode())
    return made
