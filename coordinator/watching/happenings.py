"""What has happened in the fleet, newest last: nodes that come and go, engines that break, attempts that fail. Pure."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from coordinator.journal import Trace
from coordinator.watching.difference import EVENTS_KEPT, OF_CALLS

TEXT_CHARS = 300
"""Of an event's text, at the most."""
CALLERS = range(400, 500)
"""Statuses of calls that were wrong themselves."""
WORSE = ("degraded", "offline")


class Marks(Struct, frozen=True):
    """What of a node is worth an event when it changes."""

    status: str
    state: str
    reason: str
    engines: tuple[tuple[str, bool, str], ...]
    """Name, whether it is up, why not."""
    never_up: frozenset[str] = frozenset()
    """Names of those that have still to start."""


class Happenings:
    """The newest EVENTS_KEPT of calls, and as many of nodes, each with a number that counts up."""

    def __init__(self) -> None:
        self._of_calls: deque[dict[str, Any]] = deque(maxlen=EVENTS_KEPT)
        self._of_nodes: deque[dict[str, Any]] = deque(maxlen=EVENTS_KEPT)
        self._seq = 0
        self._marks: Mapping[str, Marks] = {}

    def kept(self) -> list[dict[str, Any]]:
        """Oldest first."""
        return sorted((*self._of_calls, *self._of_nodes), key=lambda each: int(each["seq"]))

    def seen(self, marks: Mapping[str, Marks], at: float) -> None:
        """The fleet as it is at `at`, in seconds of Unix time."""
        for kind, node_id, text in changes(self._marks, marks):
            self._add(kind, node_id, text, at)
        self._marks = marks

    def ended(self, trace: Trace) -> None:
        """An attempt failed, or a call ended: only trouble of the fleet is an event, no mistake of a caller."""
        if trace.status == "retried":
            self._add("retry", trace.node_id, f"{trace.call.model}: {trace.error}", trace.timestamp)
        elif trace.status in ("failed", "incomplete", "rejected") and trace.code not in CALLERS:
            self._add("error", trace.node_id, f"{trace.call.model}: {trace.error}", trace.timestamp)

    def _add(self, kind: str, node_id: str, text: str, at: float) -> None:
        self._seq += 1
        told = text if len(text) <= TEXT_CHARS else f"{text[:TEXT_CHARS]}..."
        event = {"seq": self._seq, "at": round(at, 3), "kind": kind, "node_id": node_id, "text": told}
        (self._of_calls if kind in OF_CALLS else self._of_nodes).append(event)


def changes(before: Mapping[str, Marks], after: Mapping[str, Marks]) -> Iterable[tuple[str, str, str]]:
    """Kind, node and text of what is different."""
    for node_id in sorted(before.keys() - after.keys()):
        yield "leave", node_id, "forgotten"
    for node_id in sorted(node_id for node_id, now in after.items() if before.get(node_id) is not now):
        then, now = before.get(node_id), after[node_id]
        if then is None:
            yield "join", node_id, now.state
        elif then.state != now.state:
            yield (
                _kind(now),
                node_id,
                f"{then.state} -> {now.state}" + (f": {now.reason}" if now.reason else ""),
            )
        yield from _engines(node_id, then, now)


def _kind(marks: Marks) -> str:
    if marks.state in ("lost", "left"):
        return "leave"
    if marks.state in ("draining", "drained", "cordoned"):
        return "drain"
    return "degraded" if marks.status in WORSE else "state"


def _engines(node_id: str, then: Marks | None, now: Marks) -> Iterable[tuple[str, str, str]]:
    was_up = {name: up for name, up, _ in then.engines} if then else {}
    for name, up, reason in now.engines:
        before, why = was_up.get(name), f": {reason}" if reason else ""
        if before is None and name in now.never_up:
            yield "engine", node_id, f"{name} is not up{why}"
        elif before is not False and not up:
            yield "crash", node_id, f"{name} is down{why}"
        elif up and not before and then is not None:
            yield "engine", node_id, f"{name} is up"
