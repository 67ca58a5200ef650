"""Ollama's `keep_alive`: seconds, or a duration as Go writes it ("5m", "1h30m")."""

import re

import msgspec
from msgspec import Raw

_NO_TIME = re.compile(r"[-+]?(0|([0.]+(ns|us|µs|μs|ms|s|m|h))+)")


def unloads(keep_alive: Raw) -> bool:
    """Whether the model is to go at once. What is no duration is not judged here."""
    try:
        value = msgspec.json.decode(keep_alive)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    if isinstance(value, str):
        return _NO_TIME.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool) and value == 0
