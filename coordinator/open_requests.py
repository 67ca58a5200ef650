"""The calls between arrival and end, as /fleet/requests tells of them. Times in seconds. Never what was said."""

from collections.abc import Mapping
from typing import Any

from coordinator.core.desk import Desk
from coordinator.core.loads import Loads
from coordinator.core.open_call import OpenCall
from coordinator.journal import CallRecord
from shared.names import CallId

SHOWN = 1_000
"""Calls that are told of singly: the oldest."""
LEAST_S = 1.0
"""Of writing, before its rate says anything."""


def open_requests(desk: Desk, records: Mapping[CallId, CallRecord], now: float) -> dict[str, Any]:
    """`requests`, oldest first, and how many beyond SHOWN are left out. `records`: what streams have brought so far."""
    calls = sorted(desk.open_calls(), key=lambda each: each.arrived_at)
    return {
        "requests": [_told(each, records.get(each.call.id), desk.loads, now) for each in calls[:SHOWN]],
        "requests_omitted": max(0, len(calls) - SHOWN),
    }


def _told(each: OpenCall, record: CallRecord | None, loads: Loads, now: float) -> dict[str, Any]:
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
        "tokens_out": tokens_out(record),
        "tokens_per_s": tokens_per_s(record, now),
    }


def tokens_out(record: CallRecord | None) -> int:
    """Written so far: as the engine counted them, else pieces of its stream."""
    return (record.tokens.completion or record.pieces_out) if record else 0


def tokens_per_s(record: CallRecord | None, now: float) -> float | None:
    """Of its answer so far; None before LEAST_S of writing, and where nothing is streamed."""
    if record is None or record.first_byte_at is None or not record.pieces_out:
        return None
    written_s = now - record.first_byte_at
    return round(record.pieces_out / written_s, 1) if written_s >= LEAST_S else None


def phase(each: OpenCall, loads: Loads) -> str:
    """held: it waits for a place. loading: for its model to be in memory. prefill: its prompt is read. decode: its
    answer is written.
    """
    if each.place is None:
        return "held"
    if each.first_byte:
        return "decode"
    return "loading" if loads.at(each.place) else "prefill"
