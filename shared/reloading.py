"""Settings that are read again while a program runs: which it takes, and which wait for the next start. Pure."""

from collections.abc import Collection
from typing import Any, Generic

import msgspec

from shared.settings import Resolved, Settings


class Change(msgspec.Struct, frozen=True):
    """A setting that has another value than the program runs with. `origin`: the new one's source."""

    name: str
    before: Any
    after: Any
    origin: str


class Reload(msgspec.Struct, Generic[Settings], frozen=True):
    """`running`: what the program goes on with; `taken` and `left` by name."""

    running: Settings
    taken: tuple[Change, ...] = ()
    left: tuple[Change, ...] = ()
    """For the next start."""

    def told(self) -> list[str]:
        """Lines for the log."""
        lines = [f"reloaded: {_told(change)}" for change in self.taken]
        lines += [f"not before a restart: {_told(change)}" for change in self.left]
        return lines or ["reloaded: no setting has changed"]


def reloaded(running: Settings, found: Resolved[Settings], live: Collection[str]) -> Reload[Settings]:
    """`live`: names of those that can change while it runs."""
    changes = [
        Change(field.name, before, after, found.origins[field.name])
        for field in msgspec.structs.fields(type(running))
        if (before := getattr(running, field.name)) != (after := getattr(found.values, field.name))
    ]
    taken = tuple(change for change in changes if change.name in live)
    return Reload(
        msgspec.structs.replace(running, **{change.name: change.after for change in taken}),
        taken,
        tuple(change for change in changes if change.name not in live),
    )


def _told(change: Change) -> str:
    return f"{change.name} {change.before!r} -> {change.after!r} ({change.origin})"
