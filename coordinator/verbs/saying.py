"""How verbs print. What they tell came from other machines: it must not steer this one's terminal."""

import os
import re
import select
import sys
import time
from typing import Any

import click

from shared.printable import harmless, printable_lines

_STEERS = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What JSON leaves as it is."""


def say(text: str, *, err: bool = False) -> None:
    """Lines for a person; escapes are shown as text."""
    click.echo(printable_lines(text), err=err)


def pour(text: str, *, err: bool = False) -> None:
    """What a model said, without a line end of ours: as it came; on a terminal without what steers it."""
    stream = sys.stderr if err else sys.stdout
    if stream is None:  # closed by who started us
        return
    stream.write(harmless(text) if stream.isatty() else text)
    stream.flush()


def rendered(document: Any, output: str, *, whole: bool = True) -> str:
    """JSON or YAML. `whole`: JSON over several lines; else one line a document."""
    if output == "yaml":
        from coordinator.verbs.block_yaml import block_yaml

        return block_yaml(document)
    import msgspec

    encoded = msgspec.json.encode(document)
    text = (msgspec.json.format(encoded) if whole else encoded).decode()
    return _STEERS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def rest(seconds: float) -> None:
    """Until it looks again. Raises BrokenPipeError once nobody reads standard output any more."""
    if sys.stdout is None or not hasattr(select, "poll"):
        time.sleep(seconds)
        return
    poll = select.poll()
    poll.register(sys.stdout, 0)
    if poll.poll(seconds * 1_000):
        raise BrokenPipeError


def let_go() -> None:
    """Standard output goes nowhere from here on: what is left in it fails no more when the program ends."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
