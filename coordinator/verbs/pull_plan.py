"""Onto which nodes a model is pulled, and how far each is. Pure."""

from collections.abc import Collection
from typing import Any, NamedTuple

from shared.names import normalise


class Impossible(Exception):
    """Why it cannot be pulled as a person asked, in words."""


class Plan(NamedTuple):
    """`onto`: node ids; an empty one leaves the choice to the coordinator. `have`: nodes that are let alone."""

    onto: list[str]
    have: list[str]


def planned(
    nodes: list[dict[str, Any]],
    model: str,
    *,
    named: Collection[str] = (),
    everywhere: bool = False,
    replicas: int | None = None,
) -> Plan:
    """Of the nodes of /fleet/status. Raises Impossible.

    Named nodes are taken as they are. Else only those count whose Ollama is up and which nobody has set aside.
    Without any wish: where it is already, so that all copies are brought up to date; else one node.
    """
    if named:
        return Plan(list(dict.fromkeys(named)), [])
    able = [node for node in nodes if _is_able(node)]
    if not able:
        raise Impossible("no node with an Ollama is ready, the only engine here that can pull a model")
    able.sort(key=lambda node: -node["disk"]["available_gb"])
    have = sorted(node["node_id"] for node in able if _has(node, model))
    others = [node["node_id"] for node in able if node["node_id"] not in have]
    if everywhere:
        return Plan(have + others, [])
    if replicas is None:
        return Plan(have or [""], [])
    if replicas > len(able):
        raise Impossible(f"{replicas} replicas are asked for, and {len(able)} nodes could have one")
    return Plan(others[: max(0, replicas - len(have))], have)


def _is_able(node: dict[str, Any]) -> bool:
    return (
        node["status"] == "online"
        and not (node["cordoned"] or node["draining"])
        and any(engine["kind"] == "ollama" and engine["up"] for engine in node["engines"])
    )


def _has(node: dict[str, Any], model: str) -> bool:
    return any(
        normalise(each["name"]) == normalise(model)
        for engine in node["engines"]
        if engine["kind"] == "ollama"
        for each in engine["models"]
    )


class Pulled:
    """One node's progress, fed with the lines of its Ollama."""

    def __init__(self, node_id: str) -> None:
        self.node_id = node_id
        """Empty until it is known whom the coordinator chose."""
        self.status = ""
        self.error = ""
        self.done = False
        self._blobs: dict[str, tuple[int, int]] = {}

    def feed(self, line: dict[str, Any]) -> None:
        """The next line."""
        self.status = str(line.get("status", ""))
        self.done = self.status == "success"
        if digest := line.get("digest"):
            self._blobs[digest] = int(line.get("completed") or 0), int(line.get("total") or 0)

    @property
    def completed(self) -> int:
        """Bytes of all parts that have come."""
        return sum(come for come, _ in self._blobs.values())

    @property
    def total(self) -> int:
        """Bytes of all parts that are known."""
        return sum(whole for _, whole in self._blobs.values())

    @property
    def percent(self) -> int:
        """Of what is known."""
        return 100 if self.done else self.completed * 100 // self.total if self.total else 0
