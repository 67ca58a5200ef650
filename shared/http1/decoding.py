"""Bodies out of the bytes of a connection, however these are cut. Pure."""

import re
from typing import Protocol

from shared.http1.faults import BadMessage
from shared.http1.framing import CHUNKED, UNTIL_CLOSE

SIZE_LINE = 256
"""Bytes of a chunk's first line with its extensions, which are of no use to anybody here."""

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t -~\x80-\xff]*)?\r\n")
_BARE_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")
_SIZE_SO_FAR = re.compile(rb"[0-9A-Fa-f]{0,15}(?:[ \t]*(?:;[\t -~\x80-\xff]*)?)?\r?")
_BARE_SIZE_SO_FAR = re.compile(rb"[0-9A-Fa-f]{0,15}\r?")
_TRAILERS = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n)*\r\n")


class Decoder(Protocol):
    """`done`: the body has ended; `rest`: what came after it."""

    done: bool
    rest: bytes

    def feed(self, data: bytes) -> bytes:
        """The body's bytes in it. Raises BadMessage."""
        ...


def decoder(length: int, trailer_limit: int, *, extensions: bool) -> Decoder:
    """For a length as `framing` tells it; limit in bytes. `extensions`: chunks may have them, to be ignored."""
    if length == CHUNKED:
        return Chunked(trailer_limit, extensions=extensions)
    return UntilClose() if length == UNTIL_CLOSE else Sized(length)


class Sized:
    """By Content-Length."""

    __slots__ = ("_left", "done", "rest")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """As Decoder."""
        left = self._left - len(data)
        if left > 0:
            self._left = left
            return data
        self.done = True
        if left < 0:
            self.rest = data[self._left :]
            data = data[: self._left]
        self._left = 0
        return data


class UntilClose:
    """All that comes; its end is the connection's."""

    __slots__ = ("done", "rest")

    def __init__(self) -> None:
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """As Decoder."""
        return data


class Chunked:
    """The chunked coding, to the letter. Trailers are checked and dropped."""

    __slots__ = ("_extended", "_held", "_left", "_trailer_limit", "_trailing", "done", "rest")

    def __init__(self, trailer_limit: int, *, extensions: bool) -> None:
        self._trailer_limit = trailer_limit
        self._extended = extensions
        self._held = b""
        self._left = 0
        """Of the chunk that is being read, with its CRLF; 0: a first line comes next."""
        self._trailing = False
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """As Decoder."""
        if self._held:
            data = self._held + data
            self._held = b""
        if self._trailing:
            self._trailers(data)
            return b""
        pieces: list[bytes] = []
        at, end = 0, len(data)
        while at < end:
            if not self._left:
                line = (_SIZE if self._extended else _BARE_SIZE).match(data, at)
                if line is None or line.end() - at > SIZE_LINE:
                    self._held = self._unfinished(data[at:])
                    break
                at = line.end()
                size = int(line[1], 16)
                if size == 0:
                    self._trailing = True
                    self._trailers(data[at:])
                    break
                self._left = size + 2
            at = self._chunk(data, at, pieces)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _chunk(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        """Takes what is there of the chunk's bytes and its CRLF; where it got to."""
        stop = at + self._left
        if stop <= len(data):
            if data[max(at, stop - 2) : stop] != b"\r\n"[-self._left :]:
                raise BadMessage("a chunk of another size than it said")
            if self._left > 2:
                pieces.append(data[at : stop - 2])
            self._left = 0
            return stop
        if self._left > 2:
            pieces.append(data[at : stop - 2])
        if stop - 1 == len(data) and data[-1] != 0x0D:
            raise BadMessage("a chunk of another size than it said")
        self._left = stop - len(data)
        return len(data)

    def _unfinished(self, line: bytes) -> bytes:
        """The beginning of a first line, as far as it can become one."""
        so_far = _SIZE_SO_FAR if self._extended else _BARE_SIZE_SO_FAR
        if len(line) >= SIZE_LINE or not so_far.fullmatch(line):
            raise BadMessage("a bad chunk size")
        return line

    def _trailers(self, data: bytes) -> None:
        if data.startswith(b"\r\n"):
            end = 2
        else:
            found = data.find(b"\r\n\r\n")
            end = found + 4 if found >= 0 else 0
        if (end or len(data)) > self._trailer_limit or (end and not _TRAILERS.fullmatch(data[:end])):
            raise BadMessage("bad trailers")
        if end:
            self.done = True
            self.rest = data[end:]
        else:
            self._held = data
