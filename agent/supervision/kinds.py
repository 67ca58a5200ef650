"""Why an engine's process ended: from its exit status, its log's last lines, and what it was doing. Pure.

The needles are those of the engines themselves, seen in runs or read in their sources. They are looked for in small
letters. What stands above decides: a CUDA error that says "out of memory" is one of memory.
"""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

LONGEST_LINE = 160
"""Characters of a line that are kept as evidence."""
MOST_LINES = 4
"""Of evidence."""


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
    SWAPPED = "swapped"
    """No trouble: another version or other settings took its place."""
    NOT_SWAPPED = "not swapped"
    """That was wanted, and failed."""


class Doing(StrEnum):
    """What was going on when it ended."""

    LOADING = "loading"
    SERVING = "serving"
    WEDGED = "wedged"
    """The agent found it wedged and killed it."""
    TOO_SLOW = "too slow"
    """The agent gave up waiting and killed it."""
    CLIMBING = "climbing"
    """The agent ended it to try the rung above."""


class Finding(Struct, frozen=True):
    """What is made of one end."""

    kind: Kind
    lines: tuple[str, ...] = ()
    """Those that told it, each cut from its needle on: what stands before may be a caller's."""


NEEDLES: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (
        Kind.CONFIGURATION,  # of a driver: an error of CUDA or ROCm that poisons nothing
        (
            *("no cuda-capable device", "no rocm-capable device", "driver version is insufficient"),
            *("no kernel image is available", "invalid device ordinal", "invalid device function"),
        ),
    ),
    (
        Kind.MEMORY,
        (
            *("out of memory", "out of device memory", "out_of_device_memory", "outofdevicememory"),
            *("outofmemory", "outofhostmemory"),
            *("cudamalloc failed", "hipmalloc failed", "failed to allocate", "allocation failed"),
            *("not enough memory", "insufficient memory", "cannot allocate memory", "std::bad_alloc"),
            *("requires more system memory", "memoryerror", "can't allocate memory", "defaultcpuallocator"),
        ),
    ),
    (
        Kind.POISONED,
        (
            *("cuda error", "rocm error", "hip error", "illegal memory access", "nvrm: xid", "xid ("),
            *("device-side assert", "unspecified launch failure", "cublas_status_", "hsa_status_error"),
            *("memory access fault by gpu", "uncorrectable ecc", "gpu is lost", "fallen off the bus"),
            *("hiperror", "cudaerror"),
        ),
    ),
    (
        Kind.PORT,
        ("address already in use", "couldn't bind", "could not bind", "failed to bind", "bind failed"),
    ),
    (
        Kind.MODEL,
        (
            *("model is corrupted", "not within the file bounds", "invalid magic", "bad magic"),
            *("unknown model architecture", "invalid ggml type", "unsupported quantization"),
            *("cannot read the model file", "error loading model", "failed to load model", "safetensorerror"),
            *("unable to load model", "failed to read tensor"),
        ),
    ),
    (
        Kind.CONFIGURATION,
        (
            *(
                "modulenotfounderror",
                "importerror",
                "cannot import",
                "no module named",
                "unrecognized arguments",
            ),
            *("the following arguments are required", "invalid argument:", "does not exist", "not installed"),
            *("no package metadata", "permission denied", "unable to jit load", "is not supported"),
        ),
    ),
)
USAGE, NOT_INSTALLED, NOT_EXECUTABLE, NOT_FOUND = 2, 3, 126, 127
"""Statuses of a shell's children, and of our workers (3)."""
KILL_9, SIGNALS_OF_OTHERS = 9, frozenset({1, 2, 9, 15})
"""SIGHUP, SIGINT, SIGKILL, SIGTERM: nobody but the agent should send them."""
SHELL_BASE, WRAPPED_BASE, MOST_SIGNALS = 128, 256, 31


def classified(
    code: int | None, doing: Doing, lines: Sequence[str], *, kernel_killed: bool = False
) -> Finding:
    """`code`: exit status, or minus the signal; None: unknown (an adopted process). `lines`: of its log, newest last.
    `kernel_killed`: the kernel ended some process for want of memory while this one lived.
    """
    kind, found = _told(lines)
    if kind is not None and not _lesser(kind, doing):
        return Finding(kind, found)
    if doing is Doing.WEDGED:
        return Finding(Kind.WEDGED)
    if doing is Doing.TOO_SLOW:
        return Finding(Kind.TOO_SLOW)
    return Finding(_by_code(code, doing, kernel_killed=kernel_killed), found)


def signal_of(code: int | None) -> int | None:
    """The signal that ended it. A shell adds 128 to it, and a launcher's exit(-9) is 247 (DeepSpeed's)."""
    if code is None or code == 0:
        return None
    if code < 0:
        return -code
    for number in (code - SHELL_BASE, WRAPPED_BASE - code):
        if number in _SIGNALS:
            return number
    return None


_SIGNALS = frozenset({4, 6, 7, 8, 9, 11, 15})
"""ILL, ABRT, BUS, FPE, KILL, SEGV, TERM: those that a launcher passes on."""


def _by_code(code: int | None, doing: Doing, *, kernel_killed: bool) -> Kind:
    if code == 0:
        return Kind.ENDED
    number = signal_of(code)
    if number == KILL_9 and (kernel_killed or doing is Doing.LOADING):
        return Kind.MEMORY
    if number in SIGNALS_OF_OTHERS:
        return Kind.KILLED
    if number is not None or code is None:
        return Kind.MEMORY if kernel_killed else Kind.CRASHED
    hopeless = (USAGE, NOT_INSTALLED, NOT_EXECUTABLE, NOT_FOUND)
    return Kind.CONFIGURATION if doing is Doing.LOADING and code in hopeless else Kind.CRASHED


def _lesser(kind: Kind, doing: Doing) -> bool:
    """What only a start can say tells nothing of one that has served."""
    return doing in (Doing.SERVING, Doing.WEDGED) and kind in (Kind.CONFIGURATION, Kind.MODEL, Kind.PORT)


def _told(lines: Sequence[str]) -> tuple[Kind | None, tuple[str, ...]]:
    for kind, needles in NEEDLES:
        found = [cut for line in lines if (cut := _cut(line, needles))]
        if found:
            return kind, tuple(found[-MOST_LINES:])
    return None, ()


def _cut(line: str, needles: Sequence[str]) -> str:
    small = line.lower()
    at = min((place for needle in needles if (place := small.find(needle)) >= 0), default=-1)
    return "" if at < 0 else " ".join(line[at : at + LONGEST_LINE].split())
