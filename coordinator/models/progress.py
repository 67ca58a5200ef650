"""What the stream of an Ollama's pull says: how far it is, whether it moves, how it ended. Pure.

Contract: lines of JSON. {status, digest, total, completed} for each blob, several times a second also while nothing
comes; then {status} of the work on disk, silent while a large blob is verified; at the end {status: success}, or
{error}.
"""

import msgspec
from msgspec import Struct

from shared.errors import NodeFailure

LINE_LIMIT = 2**20
"""Bytes of one line."""
ERROR_SHOWN = 300
"""Characters of what the Ollama says."""
STALL_S = 120.0
"""A pull that has not come further for so long has failed there; Ollama has begun the part anew by then."""
VERIFYING_S = 900.0
"""So long it may work on what has come: a slow disk reads a large model at 100 MB/s."""


class _Line(Struct):
    status: str = ""
    digest: str = ""
    total: int = 0
    completed: int = 0
    error: str = ""


class Progress:
    """Fed with the bytes as they come."""

    def __init__(self, node_id: str) -> None:
        self._node_id = node_id
        self._blobs: dict[str, int] = {}
        self._rest = b""
        self._last = _Line()

    @property
    def completed(self) -> int:
        """Bytes of all blobs that have come."""
        return sum(self._blobs.values())

    @property
    def patience_s(self) -> float:
        """How long it may stand still at this point."""
        whole = self._last.completed >= self._last.total
        return VERIFYING_S if whole and self._blobs else STALL_S

    def feed(self, chunk: bytes) -> bool:
        """Whether it has come further. Raises NodeFailure for an error, or for what is no progress."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LINE_LIMIT:
            raise NodeFailure(f"{self._node_id} sent a line of progress that has no end")
        moved = [self._moved(line) for line in lines if line.strip()]
        return any(moved)

    def finish(self) -> None:
        """The stream has ended. Raises NodeFailure where that is not the end of the pull."""
        if self._rest.strip():
            self._moved(self._rest)
        if self._last.status != "success":
            raise NodeFailure(f"{self._node_id} broke off the pull")

    def _moved(self, line: bytes) -> bool:
        before, self._last = self._last, self._decoded(line)
        known, digest = self._blobs.get(self._last.digest, 0), self._last.digest
        if digest and (self._last.completed > known or digest not in self._blobs):
            self._blobs[digest] = self._last.completed
            return True
        return self._last.status != before.status

    def _decoded(self, line: bytes) -> _Line:
        try:
            decoded = msgspec.json.decode(line, type=_Line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NodeFailure(f"{self._node_id} sent no line of progress") from error
        if decoded.error:
            raise NodeFailure(f"on {self._node_id}", said=decoded.error[:ERROR_SHOWN])
        return decoded
