"""Why an engine's process ended: from its exit status, its log's last lines, and what it was doing. Pure.

The needles are those of the engines themselves, seen in runs or read in their sources.
"""

from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """What ended it."""

    CONFIGURATION = "configuration"
    """Its command line, its environment or its installation: the same start fails again."""
    MODEL = "model file"
    """Missing, damaged, or of a kind that the engine cannot serve: the same start fails again."""
    PORT = "port taken"
    MEMORY = "out of memory"
    POISONED = "poisoned GPU"
    """The GPU's context is broken (CUDA error 700, Xid): the process must never be used again."""
    WEDGED = "wedged"
    """It lived and did nothing; the agent ended it."""
    TOO_SLOW = "not ready in time"
    """The agent ended it while it loaded."""
    KILLED = "killed from outside"
    ENDED = "ended by itself"
    """With status 0, which is no success for a server."""
    CRASHED = "crashed"
    ADOPTED = "adopted"
    """No exit: an agent found the engine of the one before it."""


class Doing(StrEnum):
    """What was going on when it ended."""

    LOADING = "loading"
    SERVING = "serving"
    WEDGED = "wedged"
    """The agent found it wedged and killed it."""
    TOO_SLOW = "too slow"
    """The agent gave up waiting and killed it."""


class Finding(Struct, frozen=True):
    """What is made of one end."""

    kind: Kind
    lines: tuple[str, ...] = ()
    """Those that told it, each cut from its needle on: what stands before may be a caller's."""
