"""A word to a person while an answer is long in coming."""

import contextlib
import threading
from collections.abc import Iterator

import click

PATIENCE_S = 5.0
"""After so long without an answer."""


@contextlib.contextmanager
def patient(words: str) -> Iterator[None]:
    """Tells once, on standard error, that this is still waited for."""
    timer = threading.Timer(PATIENCE_S, lambda: click.echo(words, err=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
