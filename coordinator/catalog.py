"""What the fleet can serve, as a client sees it: one entry a model, over all nodes that are not offline."""

import time
from collections.abc import Callable
from datetime import datetime

from msgspec import Struct, field

from coordinator.core.call import Target
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.core.node import Node, Spot
from shared.names import ModelName, NodeId
from shared.wire import Model, Replica


class Loaded(Struct, frozen=True):
    """A replica and where it is."""

    node_id: NodeId
    replica: Replica


class Entry(Struct, kw_only=True):
    """One model: what it is (as the first node tells it), who has it, where it is loaded."""

    name: str
    model: Model
    nodes: list[NodeId] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    """Of the engines that have it."""
    loaded: list[Loaded] = field(default_factory=list)

    @property
    def created_s(self) -> int:
        """Seconds since the epoch; 0: unknown."""
        try:
            return int(datetime.fromisoformat(self.model.modified_at).timestamp())
        except ValueError:
            return 0


class Catalog:
    """Reads the Desk's fleet, changes nothing."""

    def __init__(self, desk: Desk, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._desk = desk
        self._limits = limits
        self._clock = clock

    def entries(self) -> dict[ModelName, Entry]:
        """By normalised name, in order of name."""
        found: dict[ModelName, Entry] = {}
        for node in self._present():
            for name, spots in node.spots.items():
                for spot in spots:
                    _add(found.setdefault(name, Entry(name=spot.model.name, model=spot.model)), node, spot)
        return dict(sorted(found.items()))

    def targets(
        self, kind: str, *, model: ModelName | None = None, node_id: str | None = None
    ) -> list[Target]:
        """Engines of that kind that are up on callable nodes, the one with most free disk first.

        With `model`, those that have it; with `node_id`, that node's.
        """
        nodes = [node for node in self._present() if node_id in (None, node.node_id)]
        nodes = [node for node in nodes if node.reach in ("reached", "suspect")]
        nodes.sort(key=lambda node: -node.heartbeat.disk.available_bytes)
        return [
            node.target(engine.name)
            for node in nodes
            for engine in node.heartbeat.engines
            if engine.kind == kind and engine.up and (model is None or _has(node, engine.name, model))
        ]

    def engine_version(self, kind: str) -> str | None:
        """Of the first engine of that kind that is up."""
        engines = [engine for node in self._present() for engine in node.heartbeat.engines]
        return next((engine.version for engine in engines if engine.kind == kind and engine.up), None)

    def knows_node(self, node_id: str) -> bool:
        """Whether a node of this name was ever heard of."""
        return NodeId(node_id) in self._desk.fleet.nodes

    def _present(self) -> list[Node]:
        now = self._clock()
        nodes = sorted(self._desk.fleet.nodes.values(), key=lambda node: node.node_id)
        return [node for node in nodes if node.standing(now, self._limits).status != "offline"]


def _has(node: Node, engine: str, model: ModelName) -> bool:
    return any(spot.engine.name == engine for spot in node.spots.get(model, ()))


def _add(entry: Entry, node: Node, spot: Spot) -> None:
    if node.node_id not in entry.nodes:
        entry.nodes.append(node.node_id)
    entry.kinds.add(spot.engine.kind)
    entry.loaded.extend(Loaded(node.node_id, replica) for replica in spot.replicas)
