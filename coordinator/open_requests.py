"""The calls between arrival and end, as /fleet/requests tells of them. Times in seconds. Never what was said."""

from typing import Any

from coordinator.core.desk import Desk
from coordinator.core.loads import Loads
from coordinator.core.open_call import OpenCall

SHOWN = 1_000
"""Calls that are told of singly: the oldest."""


def open_requests(desk: Desk, now: float) -> dict[str, Any]:
    """`requests`, oldest first, and how many beyond SHOWN are left out."""
    calls = sorted(desk.open_calls(), key=lambda each: each.arrived_at)
    return {
        "requests": [_told(each, desk.loads, now) for each in calls[:SHOWN]],
        "requests_omitted": max(0, len(calls) - SHOWN),
    }


def _told(each: OpenCall, loads: Loads, now: float) -> dict[str, Any]:
    call, place, begun = each.call, each.place, each.first_byte_at
    return {
        "request_id": call.id,
        "age_s": round(now - each.arrived_at, 3),
        "model": place.model if place else call.model,
        "asked_model": call.asked_name,
        "node_id": place.node_id if place else None,
        "engine": place.engine if place else None,
        "operation": call.operation,
        "dialect": call.dialect,
        "stream": call.stream,
        "priority": call.priority,
        "client": call.client,
        "tags": list(call.origin.tags),
        "phase": phase(each, loads),
        "estimated_tokens": call.estimated_tokens,
        "running_s": None if place is None else round(now - each.placed_at, 3),
        "first_byte_s": None if begun is None else round(begun - each.arrived_at, 3),
        "retries": each.retries,
    }


def phase(each: OpenCall, loads: Loads) -> str:
    """held: it waits for a place. loading: for its model to be in memory. prefill: its prompt is read. decode: its
    answer is written.
    """
    if each.place is None:
        return "held"
    if each.first_byte:
        return "decode"
    return "loading" if loads.at(each.place) else "prefill"
