"""The calls that wait, as /fleet/queue tells of them: whose turn when, and what for. Times in seconds."""

from typing import Any

from coordinator.core.desk import Desk
from coordinator.core.open_call import GroupKey, OpenCall

SHOWN = 1_000
"""Calls that are told of singly: those whose turn comes first."""


def waiting_calls(desk: Desk, now: float) -> dict[str, Any]:
    """`calls` in the order in which they would go if nobody came or ended, `calls_omitted` beyond SHOWN, and the
    classes of all.
    """
    holding = desk.holding
    by_model = {model: holding.ordered_of(model) for model in sorted(holding.counts())}
    flat = [(position, each) for calls in by_model.values() for position, each in enumerate(calls)]
    flat.sort(key=lambda pair: (pair[1].level, pair[0], pair[1].turn))
    reasons: dict[GroupKey, str] = {}
    classes: dict[str, int] = {}
    for _, each in flat:
        classes[each.call.priority] = classes.get(each.call.priority, 0) + 1
    return {
        "calls": [_told(desk, each, position, reasons, now) for position, each in flat[:SHOWN]],
        "calls_omitted": max(0, len(flat) - SHOWN),
        "held_by_priority": dict(sorted(classes.items())),
    }


def _told(
    desk: Desk, each: OpenCall, position: int, reasons: dict[GroupKey, str], now: float
) -> dict[str, Any]:
    call = each.call
    since = now if each.waits_since is None else each.waits_since
    if each.key not in reasons:
        reasons[each.key] = desk.waits_for(each, now)
    expected_s = desk.holding.expected_s(position, call.model, now)
    loading = desk.loads.loading(call.model)
    if loading is not None:
        expected_s = max(loading.left_s(now), expected_s or 0.0)
    return {
        "request_id": call.id,
        "model": call.model,
        "priority": call.priority,
        "client": call.client,
        "position": position,
        "waited_s": round(now - since, 3),
        "expected_wait_s": None if expected_s is None else round(expected_s, 3),
        "waits_for": reasons[each.key],
    }
