"""What has changed between two pictures of the fleet, and a picture with such a change in it. Pure.

A picture has sections of rows by id (`nodes`, `models`, `requests`), `fleet`, which is one row, `events`, a list that
only grows at its end and forgets what is old, and plain values beside them.
"""

from typing import Any

Picture = dict[str, Any]
Change = dict[str, Any]

SECTIONS = ("nodes", "models", "requests")
EVENTS_KEPT = 200
"""Newest events of calls in a picture, and as many of nodes: a flood of the ones leaves the others."""
OF_CALLS = ("retry", "error")
"""Kinds of events; all others are of nodes."""


def difference(before: Picture, after: Picture) -> Change:
    """`{"nodes": {"set": {id: changed fields}, "gone": [id]}, "fleet": changed fields, "events": new ones, ...}`.

    What has not changed is left out; all the same: empty. A row that is new is told whole.
    """
    change: Change = {}
    for section in SECTIONS:
        if rows := _rows(before[section], after[section]):
            change[section] = rows
    if fields := _fields(before["fleet"], after["fleet"]):
        change["fleet"] = fields
    last = before["events"][-1]["seq"] if before["events"] else 0
    if events := [each for each in after["events"] if each["seq"] > last]:
        change["events"] = events
    apart = {*SECTIONS, "fleet", "events"}
    return change | _fields(
        *({name: value for name, value in each.items() if name not in apart} for each in (before, after))
    )


def applied(picture: Picture, change: Change) -> Picture:
    """The picture with `change` in it; `picture` stays as it is. A section that is not known is left alone."""
    changed = picture | {name: change[name] for name in change if name not in (*SECTIONS, "fleet", "events")}
    for section in SECTIONS:
        if section in change:
            changed[section] = _with(picture[section], change[section])
    if "fleet" in change:
        changed["fleet"] = picture["fleet"] | change["fleet"]
    if "events" in change:
        changed["events"] = newest(picture["events"] + change["events"])
    return changed


def newest(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that a picture has, of events in their order."""
    of_calls = [each["kind"] in OF_CALLS for each in events]
    over = {True: sum(of_calls) - EVENTS_KEPT, False: len(events) - sum(of_calls) - EVENTS_KEPT}
    if max(over.values()) <= 0:
        return events
    kept = []
    for event, of_call in zip(events, of_calls, strict=True):
        if over[of_call] <= 0:
            kept.append(event)
        over[of_call] -= 1
    return kept


def _rows(before: dict[str, Any], after: dict[str, Any]) -> Change:
    changed = {}
    for key, row in after.items():
        then = before.get(key)
        if then is not row and then != row:
            changed[key] = _fields(then or {}, row)
    gone = [key for key in before if key not in after]
    return ({"set": changed} if changed else {}) | ({"gone": gone} if gone else {})


def _fields(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """A row never loses a field: what is not there any more is null."""
    return {name: value for name, value in after.items() if name not in before or before[name] != value}


def _with(rows: dict[str, Any], change: Change) -> dict[str, Any]:
    gone = set(change.get("gone", ()))
    kept = {key: row for key, row in rows.items() if key not in gone}
    for key, fields in change.get("set", {}).items():
        kept[key] = kept.get(key, {}) | fields
    return kept
