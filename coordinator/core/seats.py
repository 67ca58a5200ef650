"""How many calls a place takes at once: by its engine's word, less those of others, or learned where it gives none."""

from collections.abc import Iterable

from coordinator.core.call import Place
from coordinator.core.concurrency import Foreign, Slots, most_for
from coordinator.core.memory import free_bytes
from coordinator.core.node import Node
from coordinator.core.spots import Spot
from shared.names import CallId, ModelName, NodeId


class Seats:
    """Changed by events. Those that may change what a place takes give the places where they did."""

    def __init__(self) -> None:
        self._slots = Slots()
        self._foreign = Foreign()

    def of(self, node: Node, spot: Spot, place: Place) -> int:
        """Calls at once, those of others left out."""
        if spot.engine.slots_known:
            return max(0, spot.slots - self._foreign.of(place))
        return self._slots.of(place, spot.slots, _most(node, spot))

    def proven(self, place: Place, spot: Spot) -> int:
        """Calls at once that it is known to take."""
        return self._slots.proven(place, spot.slots)

    def heard(self, node: Node) -> None:
        """A beat came: its engines may tell of calls that are not ours."""
        for model, spots in node.spots.items():
            for spot in spots:
                key = (spot.engine.name, model)
                busy = sum(replica.slots_busy for replica in spot.replicas)
                self._foreign.heard(Place(node.node_id, *key), busy, node.in_flight[key])

    def heard_again(self, node: Node) -> bool:
        """A beat came that said what the last one did. Whether a place takes another number of calls by it."""
        node_id, changed = node.node_id, False
        for place in self._foreign.watched(node_id):
            if spot := node.spot(place.engine, place.model):
                busy = sum(replica.slots_busy for replica in spot.replicas)
                changed |= self._foreign.heard(place, busy, node.in_flight[place[1:]])
        return changed

    def took(self, call_id: CallId, place: Place, spot: Spot, running: int, now: float) -> list[Place]:
        """One of ours began there; `running` counts it."""
        self._foreign.took(place, running)
        if spot.engine.slots_known:
            return []
        return self._slots.started(call_id, place, spot.slots, running, now)

    def first_byte(self, call_id: CallId, now: float) -> list[Place]:
        """Its answer has begun."""
        return self._slots.first_byte(call_id, now)

    def refused(self, call_id: CallId, now: float) -> list[Place]:
        """The engine had no room for it (429, 503)."""
        return self._slots.busy(call_id, now)

    def ended(self, call_id: CallId) -> None:
        """It is over there, however."""
        self._slots.ended(call_id)

    def wanted(self, models: Iterable[ModelName], now: float) -> list[Place]:
        """A call waits for one of these: where nobody knows the limit, one more may be tried."""
        return self._slots.wanted(models, now)

    def forget(self, node_id: NodeId) -> None:
        """The node is gone for good."""
        self._slots.forget(node_id)
        self._foreign.forget(node_id)


def _most(node: Node, spot: Spot) -> int:
    """Calls at once for which there is memory, beside the model itself."""
    beat = node.heartbeat
    resident = sum(replica.size_bytes for replica in spot.replicas)
    available = free_bytes(beat) + resident
    if beat.capacity is not None and beat.capacity.ceiling_bytes is not None:
        available = min(available, beat.capacity.ceiling_bytes)
    return most_for(available, resident or spot.model.size_bytes)
