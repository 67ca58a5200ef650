"""Has runners-up loaded while calls wait for a model, as the Warmer and the Loader of a running coordinator do."""

from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.core.room import Rooms
from coordinator.core.warming import Key, Load, RunnersUp, Situation, WarmRules
from coordinator.simulate.clock import Clock
from coordinator.simulate.engine import Request
from coordinator.simulate.nodes import Nodes
from shared.names import NodeId

TICK_S = 0.5
GIVEN_UP_S = 120.0
"""After which an order that no beat has shown is forgotten."""


class Warmer:
    """Orders are the core's own."""

    def __init__(self, desk: Desk, limits: Limits, nodes: Nodes, clock: Clock) -> None:
        self._desk = desk
        self._limits = limits
        self._nodes = nodes
        self._clock = clock
        self._runners_up = RunnersUp(WarmRules())
        self._under: dict[Key, tuple[Load, float]] = {}

    def tick(self) -> None:
        """For ever."""
        now = self._clock.now
        self._under = {key: each for key, each in self._under.items() if not self._is_over(key, each[1])}
        loading: dict[NodeId, int] = {}
        for (node_id, _), (order, _) in self._under.items():
            loading[node_id] = loading.get(node_id, 0) + order.size
        rooms = Rooms(self._desk.fleet, self._limits, now, loading)
        seen = Situation(self._desk.fleet, rooms, self._under.keys())
        for order in self._runners_up.orders(seen, self._desk.holding.counts(), now):
            self._carry_out(order)
        self._clock.at(now + TICK_S, self.tick)

    def _is_over(self, key: Key, since: float) -> bool:
        spots = self._desk.fleet.nodes[key[0]].spots.get(key[1], ())
        return any(spot.replicas for spot in spots) or self._clock.now - since > GIVEN_UP_S

    def _carry_out(self, order: Load) -> None:
        if self._nodes.machines[order.node_id].up:
            self._under[order.key] = (order, self._clock.now)
            request = Request(f"load {order.model}", order.engine_model, 0, 0, (), 0, is_load=True)
            self._nodes.ask(order.node_id, request, 0)
