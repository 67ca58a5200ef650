"""Checks of the last day's calls. What has not happened for an hour is told, but as information only."""

from collections.abc import Iterable, Iterator

from coordinator.health.finding import fewest_samples
from coordinator.health.snapshot import CallFigures, NodeSeen, Snapshot
from shared.finding import Finding, Severity
from shared.names import normalise

ERROR_RATE = 0.05
ERROR_RATE_CRITICAL = 0.25
RETRY_RATE = 0.3
"""Retried attempts for each call."""
DISCONNECTS = 3
DISCONNECT_RATE = 0.10
"""Callers stop answers that they no longer want; so many are more than that."""
BROKEN_STREAMS = 2
OVERFLOWS = 3

FAULTS = ("failed", "incomplete", "rejected")
"""What counts as failed, here and in the vitals: `rejected` for want of a place; `refused`, a mistake of the caller's,
does not.
"""
NODE_FAULTS = ("failed", "incomplete", "retried")
"""What a node is to blame for: an attempt that failed there and was retried elsewhere, too."""


def errors(calls: CallFigures) -> Iterator[Finding]:
    """high_error_rate: of nodes, else of the fleet."""
    attempts, faults = calls.by_node(), calls.by_node(*NODE_FAULTS)
    found = False
    for node_id, count in sorted(faults.items()):
        if _is_rate(count, attempts[node_id], ERROR_RATE):
            found = True
            recent = sum(
                each.recent for each in calls.counts if each.node_id == node_id and each.status in NODE_FAULTS
            )
            yield _error_rate(calls, node_id, count, attempts[node_id], recent)
    count = calls.total(*FAULTS)
    if not found and _is_rate(count, calls.ended, ERROR_RATE):
        yield _error_rate(calls, None, count, calls.ended, calls.recent(*FAULTS))


def _error_rate(calls: CallFigures, node_id: str | None, count: int, of: int, recent: int) -> Finding:
    rate = count / of
    words = [each for each in calls.errors if node_id in (None, each.node_id)]
    return Finding(
        check_id="high_error_rate",
        severity=_unless_over("critical" if rate > ERROR_RATE_CRITICAL else "warning", recent),
        title=f"{rate:.0%} of the calls " + (f"on {node_id} failed" if node_id else "failed"),
        description=f"{count} of {of} in the last 24 hours{_ago(recent)}."
        + (f" Most often: {words[0].text}." if words else ""),
        fix="See error_message in /dashboard/api/traces"
        + (", and the engine's own log on that node." if node_id else "."),
        node_id=node_id,
        data={
            "failed": count,
            "total": of,
            "failed_last_hour": recent,
            "error_rate_pct": round(rate * 100, 1),
            "errors": [{"error": each.text, "count": each.count} for each in words],
        },
    )


def retries(calls: CallFigures, retries_limit: int) -> Iterator[Finding]:
    """high_retry_rate."""
    count, ended = calls.total("retried"), calls.ended
    if not _is_rate(count, ended, RETRY_RATE, max(1, retries_limit)):
        return
    recent = calls.recent("retried")
    worst = calls.by_node("retried").most_common(1)
    yield Finding(
        check_id="high_retry_rate",
        severity=_unless_over("warning", recent),
        title=f"{count / ended:.1f} retries a call",
        description=f"{count} attempts failed and were followed by another, for {ended} calls in 24 hours"
        f"{_ago(recent)}" + (f"; most on {worst[0][0]}." if worst else "."),
        fix="See the rows with status retried in /dashboard/api/traces: they name node and error.",
        data={"retries": count, "total": ended, "retries_last_hour": recent, "by_node": dict(worst)},
    )


def disconnects(calls: CallFigures) -> Iterator[Finding]:
    """client_disconnects."""
    count, ended = calls.total("client_disconnected"), calls.ended
    if count < DISCONNECTS:
        return
    many = _is_rate(count, ended, DISCONNECT_RATE)
    recent = calls.recent("client_disconnected")
    yield Finding(
        check_id="client_disconnects",
        severity=_unless_over("warning" if many else "info", recent),
        title=f"{count} callers left before their answer was complete",
        description=f"Of {ended} calls in the last 24 hours{_ago(recent)}.",
        fix="If nobody stopped them by hand, look for a timeout in the client that is shorter than answers take.",
        data={"count": count, "total": ended, "last_hour": recent},
    )


def broken_streams(calls: CallFigures) -> Iterator[Finding]:
    """incomplete_streams."""
    count = calls.total("incomplete")
    if count < BROKEN_STREAMS:
        return
    recent, nodes = calls.recent("incomplete"), calls.by_node("incomplete")
    yield Finding(
        check_id="incomplete_streams",
        severity=_unless_over("warning", recent),
        title=f"{count} answers broke off",
        description=f"The engine or its node stopped in the middle of them{_ago(recent)}: "
        + ", ".join(f"{many} on {node_id}" for node_id, many in nodes.most_common())
        + ".",
        fix="See whether the engine there crashes or runs out of memory: its own log tells.",
        data={"count": count, "last_hour": recent, "by_node": dict(nodes)},
    )


_LONGER_CONTEXT = {
    "ollama": "Give its Ollama a longer context: OLLAMA_CONTEXT_LENGTH there, or num_ctx in the options of the call.",
    "llama.cpp": "Give the node's own engine a longer context: FLEET_NODE_EMBEDDED_CONTEXT of its herd-node.",
}
"""By kind of engine."""


def overflows(calls: CallFigures, nodes: Iterable[NodeSeen]) -> Iterator[Finding]:
    """context_overflow. By the estimate of four characters a token that placing uses as well."""
    count = sum(each.count for each in calls.overflows)
    if count < OVERFLOWS:
        return
    recent = sum(each.recent for each in calls.overflows)
    models = sorted({each.model for each in calls.overflows})
    yield Finding(
        check_id="context_overflow",
        severity=_unless_over("warning", recent),
        title=f"{count} prompts were probably longer than the context that was loaded",
        description=f"By their length, in the last 24 hours{_ago(recent)}. Ollama cuts such prompts without a word. "
        f"Models: {', '.join(models)}.",
        fix=" ".join(_LONGER_CONTEXT[kind] for kind in _kinds(calls, nodes)),
        data={
            "count": count,
            "last_hour": recent,
            "models": [
                {"node_id": each.node_id, "model": each.model, "count": each.count}
                for each in calls.overflows
            ],
        },
    )


def _kinds(calls: CallFigures, nodes: Iterable[NodeSeen]) -> list[str]:
    """Of the engines that hold these models now; all kinds where that cannot be told."""
    places = {(each.node_id, each.model) for each in calls.overflows}
    held = {
        engine.kind
        for node in nodes
        for engine in node.beat.engines
        for name in [model.name for model in engine.models] + [each.model for each in engine.replicas]
        if (node.beat.node_id, normalise(name)) in places
    }
    return [kind for kind in _LONGER_CONTEXT if kind in held] or list(_LONGER_CONTEXT)


def of_calls(snapshot: Snapshot) -> Iterator[Finding]:
    """All of them; none where the figures are not known."""
    calls = snapshot.calls
    if calls is None:
        return
    yield from errors(calls)
    yield from retries(calls, snapshot.retries_limit)
    yield from disconnects(calls)
    yield from broken_streams(calls)
    yield from overflows(calls, snapshot.nodes)


def _is_rate(count: int, of: int, threshold: float, most_an_event: int = 1) -> bool:
    return of >= fewest_samples(threshold, most_an_event) and count > of * threshold


def _unless_over(severity: Severity, recent: int) -> Severity:
    return severity if recent else "info"


def _ago(recent: int) -> str:
    return "" if recent else ", none of them in the last hour"
