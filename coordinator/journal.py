"""One log line for each call that ended: names and numbers, never what was said."""

import logging
from dataclasses import dataclass
from typing import Literal

from coordinator.core.call import Call, Placement

Status = Literal["completed", "refused", "failed", "incomplete", "client_disconnected", "rejected"]
"""refused: the engine found fault with the call. rejected: no node was asked."""

log = logging.getLogger("herd.calls")

_LEVELS = {"failed": logging.WARNING, "incomplete": logging.WARNING}


@dataclass(slots=True)
class CallRecord:
    """What is known of a call while it runs. Times on the coordinator's clock."""

    call: Call
    started_at: float
    placement: Placement | None = None
    bytes_out: int = 0


def write(record: CallRecord, status: Status, now: float, error: str = "") -> None:
    """`error` is a FleetError's summary, which holds no words of an engine or a caller."""
    placement = record.placement
    extra = {
        "request_id": record.call.id,
        "model": record.call.model,
        "status": status,
        "latency_ms": round((now - record.started_at) * 1000, 1),
    }
    node = "-"
    if placement is not None:
        node = placement.place.node_id
        extra |= {"node_id": node, "engine": placement.place.engine, "retries": placement.retries}
    log.log(
        _LEVELS.get(status, logging.INFO),
        "%s %s on %s: %s%s",
        record.call.operation,
        record.call.model,
        node,
        status,
        f" ({error})" if error else "",
        extra=extra,
    )
