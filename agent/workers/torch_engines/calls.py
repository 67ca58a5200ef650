"""One call from its prompt's tokens to its end, as who computes and who answers both see it."""

from __future__ import annotations

import queue
import time
import uuid

from .answers import Head, Usage
from .asked import Asked
from .said import Said

STOP, LENGTH = "stop", "length"


class Call:
    """`most`: tokens that the answer may have. `ends`: tokens that end it."""

    def __init__(
        self, asked: Asked, prompt: list[int], most: int, said: Said, ends: frozenset[int], served: str
    ) -> None:
        self.asked, self.prompt = asked, prompt
        self.head = Head(
            asked.chat, f"{'chatcmpl' if asked.chat else 'cmpl'}-{uuid.uuid4().hex}", _now(), served
        )
        self.pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        """Texts, and None at the end."""
        self.cancelled = False
        """Its caller has left."""
        self.why = ""
        """It ended."""
        self.count = 0
        """Tokens of the answer."""
        self.next = 0
        """Its newest token."""
        self._most, self._said, self._ends = most, said, ends

    @property
    def usage(self) -> Usage:
        """So far."""
        return Usage(len(self.prompt), self.count)

    def take(self, token: int) -> bool:
        """A token of the answer. Whether it goes on."""
        self.next = token
        self.count += 1
        if token in self._ends:
            return self._over(STOP)
        self._pass_on(self._said.add(token))
        if self._said.stopped:
            return self._over(STOP)
        return True if self.count < self._most else self._over(LENGTH)

    def _over(self, why: str) -> bool:
        self.why = why
        self._pass_on(self._said.rest())
        self.pieces.put(None)
        return False

    def _pass_on(self, text: str) -> None:
        if text:
            self.pieces.put(text)


def _now() -> int:
    return int(time.time())
