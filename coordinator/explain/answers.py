"""A decision as /fleet/explain tells it: of a call that was only asked about, and of one that was made. Pure."""

from typing import Any

import msgspec

from coordinator.core.explanation import Explanation, Judged
from coordinator.core.why import why
from coordinator.explain.stored import Page
from coordinator.trace_tables import Row

GONE = "what was weighed is not kept any longer (FLEET_DECISION_RETENTION_DAYS)"


def told(explanation: Explanation) -> dict[str, Any]:
    """Every field of it, and why in words."""
    shown: dict[str, Any] = msgspec.to_builtins(explanation)
    return shown | {"why": why(explanation)}


def last_call(rows: list[Row]) -> list[Row]:
    """The rows of the newest call among those of one request id, oldest first: callers may use an id again."""
    ends = [at for at, row in enumerate(rows[:-1]) if row["status"] != "retried"]
    return rows[ends[-1] + 1 :] if ends else rows


def told_of(rows: list[Row]) -> dict[str, Any]:
    """`rows`: those of one call, oldest first, as they lie in the file. The decision is that of the last attempt."""
    last = rows[-1]
    explanation = decision_of(last)
    kept = explanation is not None
    shown = told(explanation or _from_columns(last))
    return {
        **shown,
        "context": shown["context"] or last.get("context"),
        "decision_kept": kept,
        "request_id": last["request_id"],
        "model": last["model"],
        "asked_model": last["original_model"] or last["model"],
        "status": last["status"],
        "status_code": last["status_code"],
        "node_id": last["node_id"] or None,
        "retries": last["retry_count"],
        "fallback_used": bool(last["fallback_used"]),
        "error": last["error_message"],
        "timestamp": last["timestamp"],
        "latency_ms": last["latency_ms"],
        "attempts": [_attempt(row) for row in rows],
    }


def listed(page: Page) -> dict[str, Any]:
    """Some decisions of the file; those that somebody else wrote are left out."""
    found = [
        {name: row[name] for name in ("request_id", "timestamp", "status")} | {"decision": decision_of(row)}
        for row in page.rows
    ]
    return {"decisions": [each for each in found if each["decision"]], "before": page.before}


def decision_of(row: Row) -> Explanation | None:
    """None where it is not kept, or was written by somebody else."""
    try:
        return msgspec.json.decode(row["decision"] or b"null", type=Explanation | None)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        return None


def _attempt(row: Row) -> dict[str, Any]:
    explanation = decision_of(row)
    return {
        "node_id": row["node_id"] or None,
        "status": row["status"],
        "status_code": row["status_code"],
        "retries": row["retry_count"],
        "score": row["score"],
        "error": row["error_message"],
        "timestamp": row["timestamp"],
        "latency_ms": row["latency_ms"],
        "why": why(explanation) if explanation else None,
    }


def _from_columns(row: Row) -> Explanation:
    """The little that the other columns tell."""
    try:
        scores = msgspec.json.decode(row["scores_breakdown"] or b"null", type=dict[str, float] | None)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        scores = None
    node_id = row["node_id"] or None
    chosen = Judged(
        node_id=node_id or "",
        engine="",
        model=row["model"] or "",
        eligible=True,
        score=row["score"],
        scores_breakdown=scores or None,
    )
    return Explanation(
        policy="",
        weights={},
        outcome="placed" if node_id else "refused",
        chosen=node_id,
        reason=GONE if node_id else row["error_message"] or GONE,
        candidates=(chosen,) if node_id else (),
    )
