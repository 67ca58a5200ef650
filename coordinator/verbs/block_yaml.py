"""YAML of what JSON can say, in blocks. Pure. Any text that another reader might take for more is quoted as in JSON."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@+-]*(:[A-Za-z0-9_./@+-]+)*", re.ASCII)
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def block_yaml(value: Any) -> str:
    """It, ending without a line end."""
    return "\n".join(_block(value))


def _block(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from _entry(f"{_scalar(str(name))}:", each)
    elif isinstance(value, list | tuple) and value:
        for each in value:
            first, *rest = _block(each)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _scalar(value)


def _entry(head: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict | list | tuple) and value:
        yield head
        yield from (f"  {line}" for line in _block(value))
    else:
        yield f"{head} {_scalar(value)}"


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
        return value if plain else _quoted(value)
    if isinstance(value, dict | list | tuple):
        return "{}" if isinstance(value, dict) else "[]"
    return msgspec.json.encode(value).decode()


def _quoted(text: str) -> str:
    """JSON lets characters through that YAML does not."""
    encoded = msgspec.json.encode(text).decode()
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in encoded)
