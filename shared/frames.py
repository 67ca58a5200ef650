"""Cuts a stream into whole lines or events, so that an error can follow the last whole one.

Bytes pass unchanged; only where a chunk ends in the middle of a frame, that frame's beginning waits for its end.
"""

SHORT = 4_096
"""Bytes. A chunk of whole frames that is no longer is looked into only when somebody asks for the last."""


class Frames:
    """`ends`: what a frame may end with. A frame longer than `limit` bytes passes in pieces."""

    def __init__(self, ends: tuple[bytes, ...], limit: int) -> None:
        self._ends = ends
        self._limit = limit
        self._rest = b""
        self._last = self._previous = b""
        self._unread: tuple[bytes, ...] = ()
        """The last two chunks at most that passed and were not looked into."""
        self.in_pieces = False
        """Whether the last frame was longer than the limit, so that `last` is not all of it."""

    @property
    def last(self) -> bytes:
        """The last whole frame that passed."""
        self._read()
        return self._last

    @property
    def previous(self) -> bytes:
        """The whole frame before it."""
        self._read()
        return self._previous

    def feed(self, chunk: bytes) -> bytes:
        """Everything up to the last end of a frame."""
        if not self._rest and len(chunk) <= SHORT and chunk.endswith(self._ends):
            if chunk.strip(
                b"\r\n"
            ):  # most chunks of a stream are one frame: a sixth of the cost of what follows
                self._unread = (*self._unread[-1:], chunk)
            self.in_pieces = False
            return chunk
        self._read()
        held = self._rest + chunk
        cut = max((at + len(end) for end in self._ends if (at := held.rfind(end)) >= 0), default=0)
        self.in_pieces = (self.in_pieces and not cut) or (not cut and len(held) > self._limit)
        if not cut and self.in_pieces:
            cut = len(held)
        self._rest = held[cut:]
        if cut:
            self._passed(held[:cut].rstrip(b"\r\n"))
        return held[:cut]

    def rest(self) -> bytes:
        """What came after the last end, once the stream has ended well."""
        rest, self._rest = self._rest, b""
        if rest.strip():
            self._read()
            self._previous, self._last = self._last, rest
        return rest

    def _read(self) -> None:
        for chunk in self._unread:
            self._passed(chunk.rstrip(b"\r\n"))
        self._unread = ()

    def _passed(self, body: bytes) -> None:
        if not body:
            return  # empty lines only
        start = self._start_of_last(body)
        before = body[:start].rstrip(b"\r\n")
        self._previous = before[self._start_of_last(before) :] if before else self._last
        self._last = body[start:]

    def _start_of_last(self, body: bytes) -> int:
        return max((at + len(end) for end in self._ends if (at := body.rfind(end)) >= 0), default=0)


def lines(limit: int) -> Frames:
    """Newline-delimited JSON."""
    return Frames((b"\n",), limit)


def events(limit: int) -> Frames:
    """Server-sent events."""
    return Frames((b"\n\n", b"\r\n\r\n"), limit)


def data_of(event: bytes) -> bytes:
    """What an event says: its `data:` lines without the word. Empty for a comment."""
    lines_of = event.replace(b"\r\n", b"\n").split(b"\n")
    return b"".join(line[5:].strip() for line in lines_of if line.startswith(b"data:"))


def split_events(whole: bytes) -> list[bytes]:
    """Whole events, one by one, without the empty line after each."""
    return [event for event in whole.replace(b"\r\n", b"\n").split(b"\n\n") if event]
