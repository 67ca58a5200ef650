"""When a call would be done at a place: the seven signals in seconds. See DESIGN.md.

wait (its load), load (residency), evict (memory fit), prefill and decode (bandwidth and context, by learned paces),
harm (what it costs the calls that run there), owner (the trend of the machine's availability).
"""

from coordinator.core.affinity import Affine
from coordinator.core.call import Call
from coordinator.core.candidate import Candidate
from coordinator.core.fleet import Fleet
from coordinator.core.node import Node
from coordinator.core.paces import Pace
from coordinator.core.predicted import Learned, Predicted
from coordinator.core.prospect import LEFT, Prospect
from coordinator.core.signals.memory_fit import needed_bytes
from shared.names import ModelName

CACHED: dict[Affine, float] = {"session_affinity": 0.75, "prefix_affinity": 0.5}
"""Part of a prompt that is taken to be cached where the conversation, or its beginning, was served before."""
WANTED_WITHIN_S = 60.0
"""A model that is evicted costs its next load, as far as it is expected to be asked for so soon."""
OWNER_COMES = 0.5
"""Part of its own seconds that a call is expected to lose where the owner is certain to come back."""


def to_read(call: Call, cached: Affine | None) -> float:
    """Tokens of its prompt, less what is taken to be cached."""
    tokens = float(call.estimated_tokens)
    return tokens * (1 - CACHED[cached]) if cached is not None else tokens


class Outlook:
    """Reads the fleet, changes nothing."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def prospect(self, node: Node, candidate: Candidate) -> Prospect:
        """Of that place."""
        known = self._fleet.paces.node(node.node_id)
        read_s, write_s, crowding = self._paces(node, candidate)
        lengths, model = self._fleet.lengths, candidate.place.model
        measured = known.writing.get(model)
        load_s = self._loading_s(node, candidate.model_bytes)
        prompt, answer = lengths.usual_prompt(model), lengths.usual(model)
        return Prospect(
            known,
            known.learned,
            read_s,
            write_s,
            crowding,
            (prompt, answer),
            prompt * read_s + answer * write_s,
            0.0 if candidate.loaded else load_s,
            max(0.0, -(candidate.availability_trend or 0.0)) * OWNER_COMES,
            Learned(1 / read_s, 1 / write_s, measured.count if measured else 0, crowding, load_s),
        )

    def of(
        self,
        node: Node,
        candidate: Candidate,
        prospect: Prospect,
        call: Call,
        now: float,
        *,
        answer_tokens: float,
        wait_s: float = 0.0,
        cached: Affine | None = None,
    ) -> Predicted:
        """For that call there. `wait_s`: until it begins; `cached`: what of it was served there before."""
        load_s = evict_s = 0.0
        if not candidate.loaded:
            load_s = self._load_s(candidate, prospect, now)
            evict_s = self._evict_s(node, candidate, call, now)
            cached = None
        tokens = to_read(call, cached)
        return prospect.of_call(
            tokens, answer_tokens, node.load, wait_s=wait_s, load_s=load_s, evict_s=evict_s
        )

    def answer_tokens(self, call: Call, model: ModelName) -> float:
        """Expected of its answer, were it to come from `model`."""
        return self._fleet.lengths.expected(call, model)

    def _paces(self, node: Node, candidate: Candidate) -> Pace:
        return self._fleet.paces.of(
            node.node_id, candidate.place.model, candidate.model_bytes, candidate.bandwidth_gbps
        )

    def _loading_s(self, node: Node, model_bytes: int) -> float:
        return self._fleet.loads.predicted_s(node.node_id, model_bytes)

    def _load_s(self, candidate: Candidate, prospect: Prospect, now: float) -> float:
        under_way = self._fleet.loads.of(candidate.place)
        return prospect.load_s if under_way is None else under_way.left_s(now)

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
