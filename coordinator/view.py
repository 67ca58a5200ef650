"""The fleet for a terminal: a status in, something rich can draw out. Pure."""

from typing import Any

from rich.table import Table

SYMBOLS = {"online": "[green]●[/] ", "degraded": "[yellow]◐[/] ", "offline": "[red]○[/] "}


def nodes_table(status: dict[str, Any]) -> Table:
    """One row a node, from the answer of /fleet/status."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("NODE", "STATE", "ENGINE", "MODEL", "SLOTS", "CONTEXT", "MEMORY FREE"):
        table.add_column(column)
    for node in status["nodes"]:
        up = [engine for engine in node["engines"] if engine["up"]]
        for engine in up or node["engines"][:1] or [{}]:
            table.add_row(*_row(node, engine))
    return table


def _row(node: dict[str, Any], engine: dict[str, Any]) -> list[str]:
    replicas = engine.get("replicas", [])
    memory = node["memory"]
    names = [replica["model"] for replica in replicas] or [
        model["name"] for model in engine.get("models", [])
    ]
    return [
        node["node_id"],
        SYMBOLS[node["status"]] + node["state"],
        _engine(engine),
        ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else ""),
        str(sum(replica.get("slots_total", 1) for replica in replicas) or "-"),
        str(min((replica.get("context_length") or 0 for replica in replicas), default=0) or "-"),
        f"{memory['available_gb']:.1f} of {memory['total_gb']:.1f} GiB",
    ]


def _engine(engine: dict[str, Any]) -> str:
    if not engine:
        return "none"
    kind: str = engine["kind"]
    return kind if engine["up"] else f"{kind}: {engine['reason']}"
