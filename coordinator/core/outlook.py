"""When a call would be done at a place: the seven signals in seconds. See DESIGN.md.

wait (its load), load (residency), evict (memory fit), prefill and decode (bandwidth and context, by learned paces),
harm (what it costs the calls that run there), owner (the trend of the machine's availability).
"""

from coordinator.core.affinity import Affine
from coordinator.core.call import Call
from coordinator.core.candidate import Candidate
from coordinator.core.fleet import Fleet
from coordinator.core.node import Node
from coordinator.core.node_load import NodeLoad
from coordinator.core.paces import SETUP_TOKENS, Pace
from coordinator.core.predicted import Predicted
from coordinator.core.signals.memory_fit import needed_bytes
from shared.names import ModelName

USUAL_PROMPT = 500
"""Tokens, where places are compared for no call in particular."""
LEFT = 0.5
"""Of a running call, on average."""
CACHED: dict[Affine | None, float] = {"session_affinity": 0.75, "prefix_affinity": 0.5, None: 0.0}
"""Part of a prompt that is taken to be cached where the conversation, or its beginning, was served before."""
WANTED_WITHIN_S = 60.0
"""A model that is evicted costs its next load, as far as it is expected to be asked for so soon."""
OWNER_COMES = 0.5
"""Part of its own seconds that a call is expected to lose where the owner is certain to come back."""


class Outlook:
    """Reads the fleet, changes nothing."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def of(
        self,
        node: Node,
        candidate: Candidate,
        load: NodeLoad,
        call: Call,
        now: float,
        *,
        answer_tokens: float,
        wait_s: float = 0.0,
        cached: Affine | None = None,
    ) -> Predicted:
        """For that call there. `wait_s`: until it begins; `cached`: what of it was served there before."""
        fresh_tokens = call.estimated_tokens * (1 - CACHED[cached] * candidate.loaded)
        beside = max(0, load.number - (wait_s > 0))  # a place that it waits for is free of one by then
        paces = self._paces(node, candidate)
        crowded = 1 + paces.crowding * beside
        prefill_s = (fresh_tokens + SETUP_TOKENS) * paces.read_s * crowded
        decode_s = answer_tokens * paces.write_s * crowded
        own_s = prefill_s + decode_s
        return Predicted(
            wait=wait_s,
            load=self._load_s(node, candidate, now),
            evict=0.0 if candidate.loaded else self._evict_s(node, candidate, call, now),
            prefill=prefill_s,
            decode=decode_s,
            harm=_harm_s(paces.crowding, load, own_s, beside),
            owner=max(0.0, -(candidate.availability_trend or 0.0)) * OWNER_COMES * own_s,
        )

    def answer_tokens(self, call: Call, model: ModelName) -> float:
        """Expected of its answer, were it to come from `model`."""
        return self._fleet.lengths.expected(call, model)

    def usual_s(self, node: Node, candidate: Candidate, load: NodeLoad) -> float:
        """Of any call there, without what memory costs: to sort places by. Grows with the node's load."""
        paces = self._paces(node, candidate)
        own_s = USUAL_PROMPT * paces.read_s + self._fleet.lengths.usual(candidate.place.model) * paces.write_s
        own_s *= 1 + paces.crowding * load.number
        load_s = 0.0 if candidate.loaded else self._loading_s(node, candidate.model_bytes)
        return load_s + own_s + _harm_s(paces.crowding, load, own_s, load.number)

    def _paces(self, node: Node, candidate: Candidate) -> Pace:
        return self._fleet.paces.of(
            node.node_id, candidate.place.model, candidate.model_bytes, candidate.bandwidth_gbps
        )

    def _loading_s(self, node: Node, model_bytes: int) -> float:
        return self._fleet.loads.predicted_s(node.node_id, model_bytes)

    def _load_s(self, node: Node, candidate: Candidate, now: float) -> float:
        if candidate.loaded:
            return 0.0
        under_way = self._fleet.loads.of(candidate.place)
        if under_way is not None:
            return under_way.left_s(now)
        return self._loading_s(node, candidate.model_bytes)

    def _evict_s(self, node: Node, candidate: Candidate, call: Call, now: float) -> float:
        """What the models that have to go are expected to cost when they are asked for again; where those that are idle
        are not enough, the calls of the others have to end before.
        """
        lacking = needed_bytes(candidate, call) - candidate.free_bytes
        if lacking <= 0:
            return 0.0
        cost_s = 0.0
        for model, size in self._idle(node):
            if lacking <= 0:
                return cost_s
            lacking -= size
            again = min(1.0, self._fleet.demand.per_s(model, now) * WANTED_WITHIN_S)
            cost_s += again * self._loading_s(node, size) / self._fleet.copies(model)
        if lacking > 0:
            cost_s += LEFT * node.load.seconds
        return cost_s

    def _idle(self, node: Node) -> list[tuple[ModelName, int]]:
        """Models in memory there that no call uses, with their bytes, the ones used longest ago first."""
        found = [
            (node.last_used.get((engine.name, model), 0), model, replica.size_bytes)
            for model, spots in node.spots.items()
            for spot in spots
            for engine in (spot.engine,)
            for replica in spot.replicas
            if not node.in_flight.get((engine.name, model))
        ]
        return [(model, size) for _, model, size in sorted(found)]


def _harm_s(crowding: float, load: NodeLoad, own_s: float, beside: int) -> float:
    """What those that run there lose together: as long as both run, each is slowed by one more."""
    if not beside:
        return 0.0
    left_s = LEFT * load.seconds / max(1, load.number)
    return beside * min(own_s, left_s) * crowding / (1 + crowding * (beside - 1))
