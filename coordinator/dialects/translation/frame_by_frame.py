"""What the answers' translators of both directions do alike."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from shared.errors import FleetError, NodeFailure

Decoded = TypeVar("Decoded")


class FrameByFrame(ABC):
    """Translates a stream a frame at a time. Where it breaks, what came before is passed on, and then the break."""

    def __init__(self) -> None:
        self._broken: FleetError | None = None

    def feed(self, chunk: bytes) -> bytes:
        """What the whole frames in it become. Raises NodeFailure or StreamBroken, after what came before."""
        self._check_unbroken()
        out = b""
        try:
            for frame in self._frames_in(chunk):
                out += self._translated(frame)
        except FleetError as error:
            if not out:
                raise
            self._broken = error
        return out

    def _check_unbroken(self) -> None:
        if self._broken is not None:
            raise self._broken

    @abstractmethod
    def _frames_in(self, chunk: bytes) -> Iterable[bytes]:
        """Those that are whole by now."""

    @abstractmethod
    def _translated(self, frame: bytes) -> bytes:
        """One of them; may be empty. Raises NodeFailure or StreamBroken."""


class WholeOnly:
    """Embeddings do not stream: what is translated is the whole answer."""

    def feed(self, _chunk: bytes) -> bytes:
        """Embeddings do not stream."""
        raise NodeFailure("the engine streamed embeddings")

    def finish(self) -> bytes:
        """Embeddings do not stream."""
        return b""

    def ends(self) -> tuple[bytes, ...]:
        """Embeddings do not stream."""
        return ()


def decoded(body: bytes, kind: type[Decoded]) -> Decoded:
    """An engine's answer, or a frame of it. Raises NodeFailure where it is none of that kind."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NodeFailure(f"the engine's answer makes no sense: {error}") from error
