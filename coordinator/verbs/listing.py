"""`herd list`: which models there are, and on how many nodes."""

import time
from typing import Any

import click

from coordinator.verbs.columns import Table
from coordinator.verbs.human import ago, size
from coordinator.verbs.ps import short_id
from coordinator.verbs.telling import Telling, View, reads
from shared.names import normalise

HEADINGS = ("NAME", "ID", "SIZE", "MODIFIED", "NODES", "DRIFT")
WIDE = ("PARAMETERS", "QUANT", "ABILITIES", "ON")


@click.command("list")
@click.argument("prefix", required=False, default="")
@reads
def listing(*, prefix: str, telling: Telling) -> None:
    """Models on disk, of the whole fleet; those whose names begin with PREFIX.

    \b
    herd list
    herd list llama -o wide      with the nodes that have them
    herd list -q                 names only

    Ollama's columns come first. NODES: how many have it, of those that are there. DRIFT: they do not have the same.
    """
    from coordinator.verbs.connection import ask

    def fetch(url: str) -> dict[str, Any]:
        return listed(ask("GET", "/api/tags", url=url), ask("GET", "/fleet/status", url=url), prefix)

    telling.show(fetch, View(list_table, list_names))


def listed(tags: dict[str, Any], status: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """`models`: the rows of /api/tags, each with `nodes_total` and `digests` (by node, where one is told)."""
    nodes = [node for node in status["nodes"] if node["status"] != "offline"]
    models = [tag for tag in tags["models"] if tag["name"].lower().startswith(prefix.lower())]
    return {
        "models": [
            tag | {"nodes_total": len(nodes), "digests": _digests(tag["name"], nodes)} for tag in models
        ]
    }


def list_table(told: dict[str, Any], wide: bool, now: float | None = None) -> Table:
    """Of `listed`. `now`: Unix time, the present where it is left out."""
    now = time.time() if now is None else now
    return Table(HEADINGS + WIDE * wide, [_row(each, now, wide) for each in told["models"]])


def list_names(told: dict[str, Any]) -> list[str]:
    """Every model's."""
    return [each["name"] for each in told["models"]]


def _digests(name: str, nodes: list[dict[str, Any]]) -> dict[str, str]:
    """The first engine's of each node that has it; what tells none is left out."""
    found: dict[str, str] = {}
    for node in nodes:
        for engine in node["engines"]:
            for model in engine["models"]:
                if normalise(model["name"]) == normalise(name) and model["digest"]:
                    found.setdefault(node["node_id"], model["digest"])
    return found


def _row(model: dict[str, Any], now: float, wide: bool) -> tuple[str, ...]:
    details = model["details"]
    return (
        model["name"],
        short_id(model["digest"]),
        size(model["size"]),
        ago(model["modified_at"], now),
        f"{len(details['fleet_nodes'])}/{model['nodes_total']}",
        "yes" if len(set(model["digests"].values())) > 1 else "",
    ) + (
        details["parameter_size"],
        details["quantization_level"],
        ",".join(model["capabilities"]),
        ",".join(details["fleet_nodes"]),
    ) * wide
