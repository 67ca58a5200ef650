"""What the fleet can serve, as a client sees it: one entry a model, over all nodes that are not offline."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime

from msgspec import Struct, field

from coordinator.core.call import Target
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.core.node import Node
from coordinator.core.spots import Spot
from shared.errors import CallerFault, ModelNotFound, RouteNotFound, Unavailable
from shared.names import ModelName, NodeId, near, normalise
from shared.wire import Model, Replica


class Loaded(Struct, frozen=True):
    """A replica and where it is."""

    node_id: NodeId
    replica: Replica
    in_flight: int = 0
    """Calls of the fleet that run on it."""
    tokens_per_s: float | None = None
    """That it was seen to write for one call alone; None: nothing is known yet."""


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
                    entry = found.setdefault(name, Entry(name=spot.model.name, model=spot.model))
                    _add(entry, node, spot, self._desk.fleet.paces.seen_tokens_per_s(node.node_id, name))
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

    def target(self, node_id: str, kind: str) -> Target:
        """That node's engine of that kind.

        Raises RouteNotFound for an unknown node, CallerFault where it has no such engine, Unavailable where it has
        one that cannot be asked now.
        """
        node = self._desk.fleet.nodes.get(NodeId(node_id))
        if node is None:
            raise RouteNotFound(f'no node is named "{node_id}"{_perhaps(node_id, self._desk.fleet.nodes)}')
        engines = [engine for engine in node.heartbeat.engines if engine.kind == kind]
        if not engines:
            there = ", ".join(sorted({engine.kind for engine in node.heartbeat.engines})) or "no engine"
            raise CallerFault(
                f"{node_id} runs {there}: only an engine of kind {kind} can pull and delete models"
            )
        standing = node.standing(self._clock(), self._limits)
        if standing.status == "offline" or node.reach not in ("reached", "suspect"):
            raise Unavailable(
                f"{node_id} is {standing.state} and cannot be asked now: {standing.reason}", retry_after=5
            )
        engine = next((each for each in engines if each.up), None)
        if engine is None:
            raise Unavailable(f"{kind} on {node_id} is down: {engines[0].reason}", retry_after=5)
        return node.target(engine.name)

    def spelled(self, target: Target, model: ModelName) -> str:
        """The model as that engine calls it. Raises ModelNotFound where it is not there, with near names."""
        node = self._desk.fleet.nodes[target.node_id]
        for spot in node.spots.get(model, ()):
            if spot.engine.name == target.engine:
                return spot.model.name
        there = [name for name in node.spots if _has(node, target.engine, name)]
        raise ModelNotFound(
            f'model "{model}" not found on {target.engine} of {target.node_id}',
            hint=_perhaps(model, there),
        )

    def engine_version(self, kind: str) -> str | None:
        """Of the first engine of that kind that is up."""
        engines = [engine for node in self._present() for engine in node.heartbeat.engines]
        return next((engine.version for engine in engines if engine.kind == kind and engine.up), None)

    def _present(self) -> list[Node]:
        now = self._clock()
        nodes = sorted(self._desk.fleet.nodes.values(), key=lambda node: node.node_id)
        return [node for node in nodes if node.standing(now, self._limits).status != "offline"]


def _perhaps(name: str, known: Iterable[str]) -> str:
    close = near(name, known)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _has(node: Node, engine: str, model: ModelName) -> bool:
    return any(spot.engine.name == engine for spot in node.spots.get(model, ()))


def _add(entry: Entry, node: Node, spot: Spot, tokens_per_s: float | None) -> None:
    if node.node_id not in entry.nodes:
        entry.nodes.append(node.node_id)
    entry.kinds.add(spot.engine.kind)
    in_flight = node.in_flight[spot.engine.name, normalise(spot.model.name)]
    entry.loaded.extend(Loaded(node.node_id, each, in_flight, tokens_per_s) for each in spot.replicas)
