"""The port on which an engine of the agent's listens: the same one at each start, so that it is known again."""

import socket
from pathlib import Path

from shared.atomic import replaced

LOOPBACK = "127.0.0.1"


class KeptPort:
    """`fixed`: what the owner says; 0: a free one, kept in a file. Blocks for the disk."""

    def __init__(self, file: Path, fixed: int = 0) -> None:
        self._file = file
        self._fixed = fixed
        self._asked = False

    def get(self) -> int:
        """The kept one, the first time: what listens there may be an engine of the agent before, to be adopted. Later
        only while it is free. Raises OSError.
        """
        if self._fixed:
            return self._fixed
        kept = self._read()
        if kept and (not self._asked or is_free(kept)):
            self._asked = True
            return kept
        self._asked = True
        port = free_port()
        self._file.parent.mkdir(parents=True, exist_ok=True)
        replaced(self._file, f"{port}\n".encode())
        return port

    def _read(self) -> int:
        try:
            text = self._file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return 0
        return int(text) if text.isdecimal() and len(text) < 6 and 0 < int(text) < 65_536 else 0


def is_free(port: int) -> bool:
    """Whether nobody listens there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """One that nobody has now. Raises OSError."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
