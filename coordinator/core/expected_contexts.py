"""Contexts with which models are being loaded, from the calls that were placed: beats tell it late."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

IDLE_BEATS = 2
"""A beat may have been made before the call ended that it comes after."""


class ExpectedContexts(Generic[Key]):
    """Of one node, in tokens, by engine and model."""

    def __init__(self) -> None:
        self._expected: dict[Key, int] = {}
        self._idle: dict[Key, int] = {}

    def expect(self, key: Key, context: int | None) -> None:
        """A call was sent whose model will have that context."""
        if context:
            self._expected[key] = context
            self._idle.pop(key, None)

    def forget(self, key: Key) -> None:
        """A call failed there: it may not have been loaded."""
        self._expected.pop(key, None)
        self._idle.pop(key, None)

    def get(self, key: Key, told: int | None) -> int | None:
        """What the next call will find; `told`: by the last beat."""
        return self._expected.get(key, told)

    def heard(self, told: Callable[[Key], int | None], busy: Callable[[Key], int]) -> bool:
        """A beat: what it confirms, and what no call is waiting for any more, is expected no longer. Whether there was
        any such.
        """
        before = len(self._expected)
        for key in list(self._expected):
            self._idle[key] = 0 if busy(key) else self._idle.get(key, 0) + 1
            if told(key) == self._expected[key] or self._idle[key] >= IDLE_BEATS:
                del self._expected[key], self._idle[key]
        return len(self._expected) < before
