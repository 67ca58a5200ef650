"""All checks over one snapshot, and the vital figures, as /dashboard/api/health tells them."""

from collections.abc import Iterator
from typing import Any

from coordinator.health import call_checks, engine_checks, fleet_checks, machine_checks, standing_checks
from coordinator.health.finding import score
from coordinator.health.snapshot import NodeSeen, Snapshot
from shared.finding import Finding, worst_first


def report(snapshot: Snapshot) -> dict[str, Any]:
    """`vitals`, `recommendations` (the worst first) and `checked_at`."""
    findings = worst_first(findings_of(snapshot))
    return {
        "vitals": vitals(snapshot) | {"health_score": score(findings)},
        "recommendations": findings,
        "checked_at": snapshot.now,
    }


def findings_of(snapshot: Snapshot) -> Iterator[Finding]:
    """What every check has to say."""
    yield from fleet_checks.open_mode(snapshot)
    yield from fleet_checks.keys(snapshot)
    yield from fleet_checks.pending(snapshot)
    yield from fleet_checks.members(snapshot)
    for node in snapshot.nodes:
        yield from _of_node(node, snapshot.version)
    yield from fleet_checks.queue(snapshot)
    yield from call_checks.of_calls(snapshot)
    yield from fleet_checks.storage(snapshot)


def _of_node(node: NodeSeen, version: str) -> Iterator[Finding]:
    yield from standing_checks.standing(node)
    if node.standing.status == "offline":
        return  # its last beat is the past
    yield from standing_checks.set_aside(node)
    yield from standing_checks.engines(node)
    yield from engine_checks.unsafe_engines(node)
    yield from standing_checks.version(node, version)
    yield from machine_checks.memory(node)
    yield from machine_checks.disk(node)
    yield from machine_checks.temperature(node)
    yield from machine_checks.spilled(node)
    thrashing = list(machine_checks.thrashing(node))
    yield from thrashing
    if not thrashing:  # else its spare memory is that of models that have just been put out
        yield from machine_checks.idle_memory(node)


def vitals(snapshot: Snapshot) -> dict[str, Any]:
    """Counts of nodes now and of calls in 24 hours; null is what is not known."""
    statuses = [node.standing.status for node in snapshot.nodes]
    return {
        "nodes_total": len(statuses),
        "nodes_online": statuses.count("online"),
        "nodes_degraded": statuses.count("degraded"),
        "nodes_offline": statuses.count("offline"),
        **_of_calls(snapshot),
        "cold_loads_24h": sum(each.count for node in snapshot.nodes for each in node.loads),
        "image_generations_24h": 0,  # no engine here makes images or transcribes
        "transcriptions_24h": 0,
    }


def _of_calls(snapshot: Snapshot) -> dict[str, Any]:
    calls = snapshot.calls
    if calls is None:
        return dict.fromkeys(
            (
                *("total_requests_24h", "overall_error_rate_pct", "avg_ttft_ms", "total_retries_24h"),
                *("client_disconnects_24h", "incomplete_streams_24h"),
            )
        )
    faults = calls.total(*call_checks.FAULTS)
    return {
        "total_requests_24h": calls.ended,
        "overall_error_rate_pct": round(100 * faults / calls.ended, 1) if calls.ended else 0.0,
        "avg_ttft_ms": None if calls.avg_ttft_ms is None else round(calls.avg_ttft_ms, 1),
        "total_retries_24h": calls.total("retried"),
        "client_disconnects_24h": calls.total("client_disconnected"),
        "incomplete_streams_24h": calls.total("incomplete"),
    }
