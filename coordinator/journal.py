"""What a call leaves behind: one Trace for each attempt that failed and one for its end. Never what was said."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from coordinator.core.call import NOT_COUNTED, Call, Considered, Placement, Tokens
from coordinator.core.context import overflow
from coordinator.core.protection import UNPROTECTED
from shared.errors import FleetError
from shared.logs import LateRecord

Status = Literal["completed", "refused", "failed", "incomplete", "client_disconnected", "rejected", "retried"]
"""refused: the engine found fault with the call. rejected: no node was asked. retried: an attempt, not the last."""

CALLER_LEFT = 499
"""nginx's word for a caller that closed its connection; nobody reads it as an answer."""
NO_SCORES: Mapping[str, float] = MappingProxyType({})

log = logging.getLogger("herd.calls")

_LEVELS = {"failed": logging.WARNING, "incomplete": logging.WARNING}


class Trace(Struct, frozen=True, kw_only=True):
    """One attempt that failed, or the end of a call."""

    call: Call
    status: Status
    code: int
    """HTTP status that the caller was sent, or would have been."""
    node_id: str
    engine: str
    model: str
    """That was served, or asked for where none was."""
    score: float | None
    scores: Mapping[str, float]
    latency_s: float
    """From the call's arrival."""
    run_s: float | None
    """On its node: what later calls may expect of it."""
    first_byte_s: float | None
    """From the call's arrival, of a stream."""
    tokens: Tokens
    retries: int
    fallback: bool
    excluded: tuple[str, ...]
    """Nodes on which the call failed before."""
    error: str
    reason: str
    """The kind of error, one of a few words."""
    timestamp: float
    """Seconds of Unix time at which it ended."""
    context: str = ""
    """What was done about its context, in the words of X-Fleet-Context."""
    context_overflow: str = ""
    """Where its prompt was longer than its context, and by which counts."""
    decision: Considered | None = None
    """What was weighed when it was placed."""


@dataclass(slots=True)
class CallRecord:
    """What is known of a call while it runs. Times on the coordinator's clock."""

    call: Call
    arrived_at: float
    placement: Placement | None = None
    placed_at: float = 0.0
    first_byte_at: float | None = None
    bytes_out: int = 0
    pieces_out: int = 0
    """Lines or events of a stream so far: about its tokens, until the engine has counted them."""
    answered: int | None = None
    """The status of the engine's answer, once it has begun."""
    tokens: Tokens = NOT_COUNTED
    excluded: list[str] = field(default_factory=list)
    context: str = ""
    """What was done about its context, in the latest attempt."""

    def placed(self, placement: Placement, now: float) -> None:
        """An attempt begins."""
        self.placement, self.placed_at, self.context = placement, now, ""

    def trace(self, status: Status, now: float, error: FleetError | None = None) -> Trace:
        """The call as it stands; `error` tells with its summary, which holds no words of an engine or a caller."""
        call, placement = self.call, self.placement
        place = placement.place if placement else None
        first_byte_at = self.first_byte_at if call.stream else None
        return Trace(
            call=call,
            status=status,
            code=self._code(status, error),
            node_id=place.node_id if place else "",
            engine=place.engine if place else "",
            model=place.model if place else call.model,
            score=placement.scores["total"] if placement else None,
            scores=placement.scores if placement else NO_SCORES,
            latency_s=now - self.arrived_at,
            run_s=now - self.placed_at if placement else None,
            first_byte_s=None if first_byte_at is None else first_byte_at - self.arrived_at,
            tokens=self.tokens,
            retries=len(self.excluded),
            fallback=placement.fallback if placement else False,
            excluded=tuple(self.excluded),
            error=error.summary if error else "",
            reason=(error.code or error.kind) if error else "",
            timestamp=time.time(),
            context=self.context,
            context_overflow=overflow(call, placement, self.tokens.prompt) if placement else "",
            decision=placement.decision if placement else None,
        )

    def _code(self, status: Status, error: FleetError | None) -> int:
        if status == "client_disconnected":
            return CALLER_LEFT
        if self.answered is not None and not (status == "failed" and error):
            return self.answered
        return error.status if error else 200


class _Ended(LateRecord):
    """The log line of a call that ended. It keeps no decision: ten thousand of these may wait for a slow disk."""

    def __init__(self, trace: Trace, level: int) -> None:
        super().__init__(log.name, level, trace.timestamp)
        self._call = trace.call
        self._status = trace.status
        self._latency_s = trace.latency_s
        self._where = (trace.node_id, trace.engine, trace.retries)
        self._why = (trace.error, trace.context, trace.context_overflow)

    def told(self) -> tuple[str, dict[str, object]]:
        """What a person reads, and what a script."""
        call, (node_id, engine, retries), (error, *contexts) = self._call, self._where, self._why
        fields: dict[str, object] = {
            "request_id": call.id,
            "model": call.model,
            "status": self._status,
            "latency_ms": round(self._latency_s * 1000, 1),
        }
        if node_id:
            fields |= {"node_id": node_id, "engine": engine, "retries": retries}
        message = f"{call.operation} {call.model} on {node_id or '-'}: {self._status}"
        if error:
            message += f" ({error})"
        if told := "; ".join(filter(None, contexts)):
            message += f" [Context protection: {told}]"
        return message, fields


def write(trace: Trace) -> None:
    """One log line for each call that ended, put into words in the log's own thread."""
    level = logging.WARNING if _loses(trace) else _LEVELS.get(trace.status, logging.INFO)
    if log.isEnabledFor(level):
        log.handle(_Ended(trace, level))


def _loses(trace: Trace) -> bool:
    """Whether a part of the prompt may not have been read, or a model was loaded anew for nothing."""
    return bool(trace.context_overflow) or trace.context.startswith(UNPROTECTED)
