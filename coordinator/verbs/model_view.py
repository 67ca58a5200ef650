"""One model for a person. Pure."""

from collections.abc import Iterator
from typing import Any

from coordinator.verbs.columns import Table, number
from coordinator.verbs.human import size
from coordinator.verbs.ps import short_id
from shared.printable import printable

HELD = ("NODE", "ENGINE", "ID", "STATE", "CONTEXT", "SLOTS", "IN-FLIGHT", "TOK/S")
SERVED = ("NODE", "CALLS", "FAILED", "SECONDS", "TOKENS IN", "TOKENS OUT")


def described(model: dict[str, Any]) -> Iterator[str]:
    """Of an entry of `models_of`, with `calls` of the last `days`."""
    facts = {
        "size": size(model["size_bytes"]) if model["size_bytes"] else "",
        "parameters": model["parameter_size"],
        "quantization": model["quantization"],
        "family": model["family"],
        "max context": number(model["max_context"]),
        "abilities": ", ".join(model["abilities"]),
    }
    yield printable(model["name"])
    for name, text in facts.items():
        if text:
            yield f"  {name:<13} {printable(text)}"
    digests = {each["digest"] for each in model["nodes"] if each["digest"]}
    if len(digests) > 1:
        yield f"  {'drift':<13} {len(digests)} different digests: pull it again where it is old"
    yield ""
    yield from Table(HELD, [_held(each) for each in model["nodes"]]).lines()
    yield ""
    if model["calls"]:
        yield f"calls of {model['days']} days:"
        yield from Table(SERVED, _served(model["calls"])).lines()
    else:
        yield f"calls of {model['days']} days: none"


def _held(each: dict[str, Any]) -> tuple[str, ...]:
    loaded = each["loaded"]
    return (
        each["node_id"],
        each["engine"],
        short_id(each["digest"]),
        "down" if not each["up"] else "loaded" if loaded else "on disk",
        str(each["context_length"] or "") if loaded else "",
        str(each["slots"]) if loaded else "",
        str(each["in_flight"]) if loaded else "",
        number(each["tokens_per_s"], 1),
    )


def _served(calls: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """By node, over all days; SECONDS: of a completed call, on average."""
    by_node: dict[str, list[dict[str, Any]]] = {}
    for row in calls:
        by_node.setdefault(row["node_id"] or "", []).append(row)
    return [
        (
            node_id,
            str(sum(row["request_count"] for row in rows)),
            str(sum(row["failed"] or 0 for row in rows)),
            number(average_s(rows), 1),
            str(sum(row["total_prompt_tokens"] for row in rows)),
            str(sum(row["total_completion_tokens"] for row in rows)),
        )
        for node_id, rows in sorted(by_node.items())
    ]


def average_s(rows: list[dict[str, Any]]) -> float | None:
    """Seconds of a completed call; None: none completed."""
    timed = [row for row in rows if row["completed"] and row["avg_latency_ms"] is not None]
    completed = sum(row["completed"] for row in timed)
    return (
        sum(row["avg_latency_ms"] * row["completed"] for row in timed) / completed / 1000 if timed else None
    )
