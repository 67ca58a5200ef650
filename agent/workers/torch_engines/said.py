"""The text of tokens that come one by one: whole characters only, and nothing beyond a stop. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

UNFINISHED = "\ufffd"
"""What a decoder gives for a character of which bytes are missing."""
MOST_HELD = 8
"""Tokens without a whole character, after which it is no character at all: none has more than 4 bytes."""


class Said:
    """`decode` gives the text of tokens; `stops` end it and are not part of it."""

    def __init__(self, decode: Callable[[list[int]], str], stops: Sequence[str] = ()) -> None:
        self.stopped = False
        self._decode, self._stops = decode, stops
        self._tokens: list[int] = []
        self._known = 0
        """Tokens whose text was told: those of the last time stay, since a decoder looks at what stands before."""
        self._held = ""

    def add(self, token: int) -> str:
        """What can be passed on now; often nothing."""
        self._tokens.append(token)
        return self._told(self._new(at_end=False), at_end=False)

    def rest(self) -> str:
        """What was held back; at the end."""
        return self._told(self._new(at_end=True), at_end=True)

    def _new(self, *, at_end: bool) -> str:
        before = self._decode(self._tokens[: self._known]) if self._known else ""
        whole = self._decode(self._tokens)
        patient = not at_end and len(self._tokens) - self._known < MOST_HELD
        if len(whole) <= len(before) or (patient and whole.endswith(UNFINISHED)):
            return ""
        self._tokens = self._tokens[self._known :]
        self._known = len(self._tokens)
        return whole[len(before) :]

    def _told(self, new: str, *, at_end: bool) -> str:
        if self.stopped:
            return ""
        text = self._held + new
        ends = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if ends:
            self.stopped, self._held = True, ""
            return text[: min(ends)]
        kept = 0 if at_end else max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]


def _overlap(text: str, stop: str) -> int:
    """Characters at the text's end with which the stop may have begun."""
    most = min(len(text), len(stop) - 1)
    return next((size for size in range(most, 0, -1) if text.endswith(stop[:size])), 0)
