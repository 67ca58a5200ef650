"""Figures of nodes as rows. Pure: /fleet/status, /fleet/queue and /dashboard/api/usage in."""

from typing import Any

from coordinator.verbs.columns import Table, number
from coordinator.verbs.model_view import average_s
from coordinator.verbs.nodes_view import of_total, power, standing, temperature, utilisation, vram_gb

HEADINGS = (
    *("NODE", "CPU%", "MEMORY", "GPU%", "VRAM", "TEMP", "POWER"),
    *("IN-FLIGHT", "CALLS", "FAILED", "SECONDS", "TOKENS IN", "TOKENS OUT"),
)
OF_KEYS = ("KEY", "CALLS", "FAILED", "SECONDS", "TOKENS IN", "TOKENS OUT")
WIDE = ("STATE", "LOADED")
FLEET = "fleet"


def stats_of(
    status: dict[str, Any], queue: dict[str, Any], usage: list[dict[str, Any]], days: int
) -> dict[str, Any]:
    """`nodes` and `fleet`; sums over calls are of `days`. Seconds, percent, watts, GiB."""
    by_node: dict[str, list[dict[str, Any]]] = {node["node_id"]: [] for node in status["nodes"]}
    for row in usage:
        by_node.setdefault(row["node_id"] or "", []).append(row)
    fleet = {"nodes_online": status["fleet"]["nodes_online"], "nodes_total": status["fleet"]["nodes_total"]}
    fleet |= {"in_flight": queue["in_flight"], "held": queue["pending"]}
    return {
        "days": days,
        "nodes": [_now(node) | _sums(by_node[node["node_id"]]) for node in status["nodes"]],
        "fleet": fleet | _sums(usage),
    }


def stats_table(told: dict[str, Any], wide: bool) -> Table:
    """A row a node, and one for all; that counts calls which no node took, too."""
    rows = [_row(node, wide) for node in told["nodes"]]
    fleet = told["fleet"]
    online = f"{fleet['nodes_online']}/{fleet['nodes_total']} online"
    rows.append(
        (FLEET, "", "", "", "", "", "", str(fleet["in_flight"]), *_called(fleet), *(online, "")[: 2 * wide])
    )
    return Table(HEADINGS + WIDE * wide, rows)


def stat_names(told: dict[str, Any]) -> list[str]:
    """Every node's."""
    return [node["node_id"] for node in told["nodes"]]


def keys_table(told: dict[str, Any], _wide: bool) -> Table:
    """A row a key."""
    return Table(OF_KEYS, [_of_key(each) for each in told["keys"]])


def key_names(told: dict[str, Any]) -> list[str]:
    """Every key's that was used."""
    return [each["key"] for each in told["keys"]]


def _of_key(row: dict[str, Any]) -> tuple[str, ...]:
    average_ms = row["avg_latency_ms"]
    return (
        row["key"],
        str(row["request_count"]),
        str(row["failed_count"] or 0),
        number(None if average_ms is None else average_ms / 1000, 1),
        str(row["total_prompt_tokens"]),
        str(row["total_completion_tokens"]),
    )


def _now(node: dict[str, Any]) -> dict[str, Any]:
    used, total = vram_gb(node)
    return {
        "node_id": node["node_id"],
        "state": standing(node),
        "cpu_pct": node["cpu"]["utilization_pct"],
        "memory_used_gb": node["memory"]["used_gb"],
        "memory_total_gb": node["memory"]["total_gb"],
        "gpu_pct": utilisation(node),
        "vram_used_gb": used,
        "vram_total_gb": total,
        "temperature_c": temperature(node),
        "power_watts": power(node),
        "in_flight": node["requests_active"],
        "models_loaded": [each["name"] for each in node["ollama"]["models_loaded"]],
    }


def _sums(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "calls": sum(row["request_count"] for row in rows),
        "failed": sum(row["failed"] or 0 for row in rows),
        "average_s": average_s(rows),
        "prompt_tokens": sum(row["total_prompt_tokens"] for row in rows),
        "completion_tokens": sum(row["total_completion_tokens"] for row in rows),
    }


def _row(node: dict[str, Any], wide: bool) -> tuple[str, ...]:
    return (
        node["node_id"],
        number(node["cpu_pct"]),
        of_total(node["memory_used_gb"], node["memory_total_gb"]),
        number(node["gpu_pct"]),
        of_total(node["vram_used_gb"], node["vram_total_gb"]),
        number(node["temperature_c"]),
        number(node["power_watts"]),
        str(node["in_flight"]),
        *_called(node),
        *((node["state"], ",".join(node["models_loaded"])) * wide),
    )


def _called(sums: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(sums["calls"]),
        str(sums["failed"]),
        number(sums["average_s"], 1),
        str(sums["prompt_tokens"]),
        str(sums["completion_tokens"]),
    )
