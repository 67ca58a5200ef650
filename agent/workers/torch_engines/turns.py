"""Who is computed next: prompts in chunks, answers token by token, all that are under way in one batch.

A new call's prompt is read beside the running ones, a chunk between two of their tokens, and then joins them; who is
done or whose caller has left makes room at the next token.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol

from .calls import Call

WAITING_LIMIT = 1024
"""Calls that wait for a place; the node sends no more than there are slots."""


class Full(Exception):
    """Too many calls wait."""


class Machine(Protocol):
    """What computes. `Any` is a tensor of logits, one row for each sequence."""

    def prefill(self, tokens: list[int]) -> Any:
        """Reads on in the prompt of the sequence that is to join."""
        ...

    def join(self) -> None:
        """Its prompt is read: the newest row of the batch."""
        ...

    def drop(self) -> None:
        """It does not join."""
        ...

    def step(self, tokens: list[int]) -> Any:
        """One token further, for each row."""
        ...

    def keep(self, rows: list[int]) -> None:
        """The others leave the batch."""
        ...


Choose = Callable[[Any, Sequence[Call]], list[int]]
"""The next token of each row."""


class Turns:
    """`slots`: calls at once; `chunk`: tokens of a prompt that are read at a time."""

    def __init__(self, machine: Machine, choose: Choose, slots: int, chunk: int) -> None:
        self.prompt_tokens = self.completion_tokens = 0
        """Computed since the start: how one sees that it moves."""
        self._machine, self._choose, self._slots, self._chunk = machine, choose, slots, chunk
        self._waiting: deque[Call] = deque()
        self._came = threading.Condition()
        self._coming: Call | None = None
        self._read = 0
        self._rows: list[Call] = []

    @property
    def waiting(self) -> int:
        """Calls without a place."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Calls with one."""
        return len(self._rows) + (self._coming is not None)

    def add(self, call: Call) -> None:
        """From any thread. Raises Full."""
        with self._came:
            if len(self._waiting) >= WAITING_LIMIT:
                raise Full
            self._waiting.append(call)
            self._came.notify()

    def run(self) -> NoReturn:
        """For ever."""
        while True:
            with self._came:
                while not (self._waiting or self.running):
                    self._came.wait()
            self.turn()

    def turn(self) -> None:
        """At most one chunk of a prompt and one token for each row."""
        self._let_go()
        if self._coming is None:
            self._admit()
        if self._coming is not None:
            self._read_on(self._coming)
        if self._rows:
            self._step()

    def _let_go(self) -> None:
        """Of those whose callers have left."""
        if self._coming is not None and self._coming.cancelled:
            self._machine.drop()
            self._coming = None
        self._keep([not call.cancelled for call in self._rows])

    def _admit(self) -> None:
        while self._waiting and len(self._rows) < self._slots:
            call = self._waiting.popleft()
            if not call.cancelled:
                self._coming, self._read = call, 0
                return

    def _read_on(self, call: Call) -> None:
        part = call.prompt[self._read : self._read + self._chunk]
        logits = self._machine.prefill(part)
        self._read += len(part)
        self.prompt_tokens += len(part)
        if self._read < len(call.prompt):
            return
        self._coming = None
        (token,) = self._choose(logits, [call])
        self.completion_tokens += 1
        if call.take(token):
            self._machine.join()
            self._rows.append(call)
        else:
            self._machine.drop()

    def _step(self) -> None:
        logits = self._machine.step([call.next for call in self._rows])
        tokens = self._choose(logits, self._rows)
        self.completion_tokens += len(tokens)
        self._keep([call.take(token) for call, token in zip(self._rows, tokens, strict=True)])

    def _keep(self, stay: list[bool]) -> None:
        if all(stay):
            return
        rows = [number for number, stays in enumerate(stay) if stays]
        self._machine.keep(rows)
        self._rows = [self._rows[number] for number in rows]
