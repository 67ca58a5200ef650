"""Ctrl-C and SIGTERM for a program that starts others: never between a start and its note of it."""

import contextlib
import signal
from collections.abc import Iterator


class Interrupts:
    """Signals that end a program: each is a KeyboardInterrupt, at once or, where one is held back, after that."""

    def __init__(self) -> None:
        self._held = False
        self._late = False

    def __call__(self, _number: int, _frame: object) -> None:
        """The handler."""
        if not self._held:
            raise KeyboardInterrupt
        self._late = True

    @contextlib.contextmanager
    def held_back(self) -> Iterator[None]:
        """While the block lasts, none interrupts it."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._late:
            self._late = False
            raise KeyboardInterrupt


@contextlib.contextmanager
def interruptible() -> Iterator[Interrupts]:
    """While the block lasts, SIGTERM does as ctrl-C does, and that interrupts even where a shell's background had it
    ignored.
    """
    interrupts = Interrupts()
    before = {number: signal.signal(number, interrupts) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
