"""What a case of the table is, and bodies that every case can be sent with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
HELLO = {"role": "user", "content": "hello"}


@dataclass(frozen=True)
class Case:
    """`given` becomes `made`, or is refused in words that match `refused`."""

    given: dict[str, Any]
    made: dict[str, Any]
    refused: str = ""


def said(given: dict[str, Any], made: dict[str, Any]) -> Case:
    """The engine is told."""
    return Case(given, made)


def unsaid(given: dict[str, Any]) -> Case:
    """Accepted, and the engine is told nothing."""
    return Case(given, {})


def refused(given: dict[str, Any], words: str) -> Case:
    """400, by name."""
    return Case(given, {}, words)


def same(name: str, *values: Any) -> list[Case]:
    """The engine is told it alike."""
    return [said({name: value}, {name: value}) for value in values]


Cases = dict[str, dict[str, list[Case]]]
"""By table and field."""


@dataclass(frozen=True)
class Whole:
    """How a case becomes a call that can be sent."""

    path: str
    body: Callable[[dict[str, Any]], dict[str, Any]]
    """From what is given."""
