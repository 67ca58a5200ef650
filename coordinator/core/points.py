"""What a place is worth to a call: points of the place, of the load of its node, and of the call itself."""

from coordinator.core.call import Call
from coordinator.core.candidate import Candidate
from coordinator.core.candidates import Candidates
from coordinator.core.fleet import Fleet
from coordinator.core.limits import Weights
from coordinator.core.node import Node
from coordinator.core.node_load import NodeLoad
from coordinator.core.policies.policy import Policy
from coordinator.core.shelf import Chosen, Entry, Key
from coordinator.core.signals import OF_CALL, OF_LOAD, OF_PLACE, functions, of_load, per_call
from shared.names import CallId, ModelName

ANY_CALL = Call(id=CallId(""), model=ModelName(""), asked_name="", operation="chat", dialect="")
"""Points of places and loads are worked out for it: those signals read nothing of a call but its `num_ctx`."""


class Points:
    """Reads the fleet; a node's load keeps what was worked out for it."""

    def __init__(self, fleet: Fleet, weights: Weights, policy: Policy) -> None:
        self._fleet = fleet
        self._cost = policy.cost
        self._candidates = Candidates(fleet)
        known = functions(weights)
        self._of_place = [(known[name], getattr(weights, name)) for name in OF_PLACE]
        self._per_call = per_call(weights)
        self._depth, self._wait = (getattr(weights, name) for name in OF_LOAD)
        self._of_call = [(known[name], getattr(weights, name)) for name in OF_CALL]

    def of_place(self, candidate: Candidate, call: Call = ANY_CALL) -> tuple[float, ...]:
        """In the order of OF_PLACE."""
        return tuple([score(candidate, call) * weight + 0.0 for score, weight in self._of_place])

    def load(self, node: Node) -> NodeLoad:
        """Of the calls that run there now."""
        number, seconds = node.running, self._candidates.others_s(node)
        fleet_gbps = self._fleet.facts.bandwidth_gbps
        depth, wait = of_load(number, seconds, node.bandwidth_gbps, fleet_gbps, self._per_call)
        points = (depth * self._depth + 0.0, wait * self._wait + 0.0)
        return NodeLoad(points, points[0] + points[1], dict(node.in_flight), number, seconds)

    def cost(self, entry: Entry) -> float:
        """By the policy. Worked out once for each load of the node."""
        load = entry.node.load
        if entry.cost_of is not load:
            entry.cost = self._cost(entry, load)
            entry.cost_of = load
        return entry.cost

    def key(self, entry: Entry) -> Key:
        """Where the entry would stand in its group now."""
        return (self.cost(entry), entry.node.last_used[entry.pair], entry.place.node_id, entry)

    def chosen(self, entry: Entry, call: Call) -> Chosen:
        """The entry with its points for the call."""
        candidate, of_place = entry.fixed.candidate, entry.fixed.points
        if call.num_ctx and not candidate.loaded:  # its cache would take another part of the memory
            of_place = self.of_place(candidate, call)
        points = (*of_place, *entry.node.load.points)
        for score, weight in self._of_call:
            points += (score(candidate, call) * weight + 0.0,)
        return Chosen(entry, points, sum(points))
