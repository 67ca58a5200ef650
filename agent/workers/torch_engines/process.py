"""What a worker owes to its parent: one line when it is ready, a last word, and an end with its parent's."""

from __future__ import annotations

import json
import os
import threading
from typing import NoReturn

HOST = "127.0.0.1"
CANNOT_SERVE, NOT_INSTALLED = 1, 3
"""Exit statuses; 2 is wrong usage."""


def give_up(name: str, status: int, reason: str) -> NoReturn:
    """End the process at once, with one line on standard error that says why."""
    os.write(2, f"\n{name} worker: {' '.join(reason.split())}\n".encode("utf-8", "replace"))
    os._exit(status)


def claim_stdout() -> int:
    """Keep standard output for our one line: returns a descriptor of it, and points 1 at standard error."""
    ours = os.dup(1)
    os.dup2(2, 1)
    return ours


def end_with_parent() -> None:
    """End this process when standard input ends, even in the middle of a load or of a reply."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()


def report(descriptor: int, address: str, pid: int, engine_version: str) -> None:
    """Write the one line that says the worker is ready, and close the descriptor."""
    line = {"address": address, "pid": pid, "engine_version": engine_version}
    with os.fdopen(descriptor, "w") as output:
        output.write(json.dumps(line) + "\n")
