"""Checks of values that both halves of the table use. To JSON a boolean is no number; to Python it is."""

from typing import Any

from coordinator.dialects.translation.rules import Conversion, Source
from shared.errors import CallerFault


def is_whole(value: Any) -> bool:
    """A number without a fraction."""
    return isinstance(value, int) and not isinstance(value, bool)


def number(name: str) -> Conversion:
    """The value as it is. Raises CallerFault where it is no number."""

    def check(value: Any, _source: Source) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CallerFault(f"{name}: expected a number")
        return value

    return check


def whole(name: str) -> Conversion:
    """The value as it is. Raises CallerFault where it is no whole number."""

    def check(value: Any, _source: Source) -> Any:
        if not is_whole(value):
            raise CallerFault(f"{name}: expected a whole number")
        return value

    return check
