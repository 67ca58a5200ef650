"""Which models are loaded before a call asks for them: runners-up under load, pins, what the last day used.

Facts in, orders out. An order is given for a node's Ollama only; every other engine has its model loaded always.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple, TypeAlias

from msgspec import Struct

from coordinator.core.fleet import Fleet
from coordinator.core.node import Node
from coordinator.core.room import MEMORY_FACTOR, Room, shown_size
from coordinator.core.spots import Spot
from shared.names import ModelName, NodeId, normalise

SHARE = 0.8
"""Of the memory where models live: more is never filled without a call."""
USED_OFTEN = 10
"""Calls within a day from which a model is worth loading by itself."""

Key: TypeAlias = tuple[NodeId, ModelName]


class Load(Struct, frozen=True, kw_only=True):
    """An order to load a model."""

    node_id: NodeId
    engine: str
    model: ModelName
    engine_model: str
    """As that engine spells it."""
    size: int
    """What it will take, in bytes."""
    why: str
    for_ever: bool = False
    """Until it is put out by order; else as long as the node keeps a model that nobody uses."""
    lets_go: bool = False
    """It was loaded for ever, and is not any more: Ollama's usual time from here on."""
    embeds: bool = False
    """Whether embedding is all it can do."""

    @property
    def key(self) -> Key:
        """What is loaded where."""
        return self.node_id, self.model


class WarmRules(Struct, frozen=True, kw_only=True):
    """Defaults are those of the settings of the same meaning."""

    threshold: int = 3
    """Calls for one model, running and waiting, from which its runner-up is loaded; 0: never."""
    after_s: float = 5.0
    """For so long they must have been that many."""
    min_availability: float = 0.6
    """What the owner must leave of a machine on which a model is loaded by itself."""
    preloads: int = 3
    """Models that are kept loaded for being used most."""


class Situation(NamedTuple):
    """What the orders are decided from. `barred`: what is being loaded, or failed to load of late."""

    fleet: Fleet
    rooms: Mapping[NodeId, Room]
    barred: Set[Key]


class RunnersUp:
    """Remembers since when each model has been under load."""

    def __init__(self, rules: WarmRules) -> None:
        self._rules = rules
        self._since: dict[ModelName, float] = {}

    def orders(self, seen: Situation, held: Mapping[ModelName, int], now: float) -> list[Load]:
        """At most one node for each model whose warm places are all taken, and have been for a while.

        A model that is loaded nowhere is left to the call that loads it. `held`: waiting calls by model.
        """
        busy = {
            model for model, depth in _depths(seen.fleet, held).items() if self._is_busy(seen, model, depth)
        }
        self._since = {model: self._since.get(model, now) for model in busy}
        orders = []
        for model, since in sorted(self._since.items()):
            if now - since >= self._rules.after_s and not any(model == key[1] for key in seen.barred):
                found = _spare(seen, model, self._rules.min_availability)
                if found:
                    orders.append(_order(*found, f"{model} is under load"))
        return orders

    def _is_busy(self, seen: Situation, model: ModelName, depth: int) -> bool:
        if not self._rules.threshold or depth < self._rules.threshold:
            return False
        warm = sum(spot.slots for spot in _loaded(seen.fleet, model))
        return 0 < warm <= depth


def preloads(seen: Situation, used: Iterable[tuple[ModelName, int]], rules: WarmRules) -> list[Load]:
    """Of the models used most, those that are loaded nowhere. `used`: calls of the last day, by the name asked for."""
    often = sorted(((calls, model) for model, calls in used if calls >= USED_OFTEN), reverse=True)
    there = [model for _, model in often if seen.fleet.has(model)]
    orders: list[Load] = []
    for model in there[: rules.preloads]:
        loaded = _loaded(seen.fleet, model)
        if not loaded and not any(model == key[1] for key in seen.barred):
            taken = Counter({order.node_id: order.size for order in orders})
            found = _spare(seen, model, rules.min_availability, taken)
            if found:
                orders.append(_order(*found, f"{model} was used most"))
    return orders


def pins_missing(
    seen: Situation, pinned: Mapping[NodeId, Iterable[ModelName]], anywhere: Iterable[ModelName]
) -> list[Load]:
    """Pinned models that are not loaded where they should be. `anywhere`: those pinned to no node."""
    orders = []
    for node_id, models in sorted(pinned.items()):
        node, room = seen.fleet.nodes.get(node_id), seen.rooms.get(node_id)
        if node is None or room is None or room.closed:
            continue
        for model in sorted(models):
            spot = _on_disk(node, room, model)
            wanting = spot is not None and not spot.replicas and (node_id, model) not in seen.barred
            if wanting and spot is not None and needs(spot) <= room.roomy:
                orders.append(_order(room, spot, f"{model} is pinned", for_ever=True))
    for model in sorted(anywhere):
        if _loaded(seen.fleet, model) or any(model == key[1] for key in seen.barred):
            continue
        found = _spare(seen, model, 0.0)
        if found:
            orders.append(_order(*found, f"{model} is pinned", for_ever=True))
    return orders


def pin_refusal(node: Node, room: Room, pinned: Iterable[ModelName], model: ModelName) -> str:
    """Why this model cannot be pinned there beside the others; empty: it can. One that is not there takes nothing."""
    sizes = {
        each: needs(spot) for each in {*pinned, model} if (spot := _on_disk(node, room, each)) is not None
    }
    most = int(room.total * SHARE)
    if not room.total or sum(sizes.values()) <= most:
        return ""
    return (
        f"the models pinned on {node.node_id} would need {shown_size(sum(sizes.values()))} together;"
        f" {shown_size(most)} may be pinned there ({SHARE:.0%} of its memory)"
    )


def order_for(node: Node, room: Room, model: ModelName, why: str, *, for_ever: bool) -> Load | None:
    """The order to load this model there; None: it is not on its disk."""
    spot = _on_disk(node, room, model)
    return None if spot is None else _order(room, spot, why, for_ever=for_ever)


def needs(spot: Spot) -> int:
    """Bytes of memory for it: what it takes, where it is loaded, else an estimate."""
    loaded = sum(replica.size_bytes for replica in spot.replicas)
    return loaded or int(spot.model.size_bytes * MEMORY_FACTOR)


def _loaded(fleet: Fleet, model: ModelName) -> list[Spot]:
    """Where it is in memory, for any call."""
    return [spot for _, spot in fleet.having(model) if spot.replicas and not spot.engine.restricted]


def _depths(fleet: Fleet, held: Mapping[ModelName, int]) -> Counter[ModelName]:
    depths: Counter[ModelName] = Counter(held)
    for node in fleet.nodes.values():
        for (_, model), running in node.in_flight.items():
            depths[model] += running
    return depths


def _spare(
    seen: Situation, model: ModelName, availability: float, taken: Mapping[NodeId, int] | None = None
) -> tuple[Room, Spot] | None:
    """Where it fits with nothing put out for it, within what the owner allows: the node with most to spare."""
    best: tuple[int, Room, Spot] | None = None
    for node, spot in seen.fleet.having(model):
        if spot.replicas or node.heartbeat.power.on_battery:
            continue
        room = seen.rooms[node.node_id]
        if room.closed or spot.engine.name != room.engine or room.availability < availability:
            continue
        left = room.spare(SHARE) - (taken or {}).get(node.node_id, 0)
        fits = 0 < needs(spot) <= left and (node.node_id, model) not in seen.barred
        if fits and (best is None or left > best[0]):
            best = (left, room, spot)
    return best and best[1:]


def _on_disk(node: Node, room: Room, model: ModelName) -> Spot | None:
    return next((spot for spot in node.spots.get(model, ()) if spot.engine.name == room.engine), None)


def _order(room: Room, spot: Spot, why: str, *, for_ever: bool = False) -> Load:
    return Load(
        node_id=room.node_id,
        engine=spot.engine.name,
        model=normalise(spot.model.name),
        engine_model=spot.model.name,
        size=needs(spot),
        why=why,
        for_ever=for_ever,
        embeds=spot.model.abilities == {"embedding"},
    )
