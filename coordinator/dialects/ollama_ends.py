"""How Ollama's answers end: errors, and the last line of a stream."""

import msgspec
from msgspec import Raw, Struct

from coordinator.dialects.body import ABSENT, given
from shared.errors import ContextExceeded, FleetError


class _LastLine(Struct):
    done: bool | None = None
    status: str | None = None
    error: Raw = ABSENT


def error_body(error: FleetError) -> bytes:
    """`{"error": "text"}`; where a program may want to know that the prompt is too long, with a `code`."""
    told = {"error": str(error)}
    return msgspec.json.encode(told | {"code": error.code} if isinstance(error, ContextExceeded) else told)


def error_line(error: FleetError) -> bytes:
    """A line that ends a stream; no `done` follows."""
    return error_body(error) + b"\n"


def generation_ended(last_line: bytes) -> bool:
    """Whether it says `done: true`, or is an error of the engine's own."""
    last = _decoded(last_line)
    return last.done is True or given(last.error)


def pull_ended(last_line: bytes) -> bool:
    """Whether it says `success`, or is an error of the engine's own."""
    last = _decoded(last_line)
    return last.status == "success" or given(last.error)


def _decoded(line: bytes) -> _LastLine:
    try:
        return msgspec.json.decode(line, type=_LastLine)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _LastLine()
