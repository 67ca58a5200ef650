"""The open calls of a picture: how far each is. Never what is said. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from coordinator.core.loads import Loads
from coordinator.core.open_call import OpenCall
from coordinator.journal import CallRecord, Trace
from coordinator.open_requests import phase, tokens_out, tokens_per_s
from coordinator.watching.figures import Ended, Spell
from shared.names import CallId

CALLS_TOLD = 500
"""The oldest: what stands still is among them."""
TAGS_TOLD = 8


def call_rows(
    calls: Iterable[OpenCall],
    records: Mapping[CallId, CallRecord],
    loads: Loads,
    now: float,
    wall_offset: float,
) -> dict[str, dict[str, Any]]:
    """By request id. `wall_offset`: Unix time less the Desk's clock."""
    told = sorted(calls, key=lambda each: each.arrived_at)[:CALLS_TOLD]
    return {each.call.id: _row(each, records.get(each.call.id), loads, now, wall_offset) for each in told}


def _row(
    each: OpenCall, record: CallRecord | None, loads: Loads, now: float, wall_offset: float
) -> dict[str, Any]:
    call, place = each.call, each.place
    counted = record.tokens if record else None
    arrived = record.arrived_at if record else each.arrived_at
    return {
        "arrived_at": round(arrived + wall_offset, 1),
        "model": place.model if place else call.model,
        "operation": call.operation,
        "node_id": place.node_id if place else "",
        "engine": place.engine if place else "",
        "priority": call.priority,
        "client": call.client,
        "tags": list(call.origin.tags[:TAGS_TOLD]),
        "phase": phase(each, loads),
        "tokens_in": (counted.prompt if counted else None) or call.estimated_tokens,
        "tokens_out": tokens_out(record),
        "tokens_per_s": tokens_per_s(record, now),
        "retries": len(record.excluded) if record else 0,
    }


def running_spells(records: Iterable[CallRecord], now: float) -> list[Spell]:
    """What open calls have written so far."""
    return [
        Spell(
            each.placement.place.node_id, each.placement.place.model, each.first_byte_at, now, each.pieces_out
        )
        for each in records
        if each.placement is not None and each.first_byte_at is not None and each.pieces_out
    ]


def ended_call(trace: Trace, now: float) -> Ended:
    """A call that ended now; not for an attempt."""
    length = trace.run_s or 0.0
    if trace.first_byte_s is not None:
        length = trace.latency_s - trace.first_byte_s
    spell = Spell(trace.node_id, trace.model, now - length, now, trace.tokens.completion or 0)
    return Ended(now, spell, trace.first_byte_s, trace.code >= 500)
