"""The machines of a simulation: they beat, work, die, come back, and are used by their owners."""

from functools import partial
from random import Random

from coordinator.core.desk import Desk
from coordinator.core.node import NotReached
from coordinator.core.warming import WarmRules
from coordinator.simulate.calls import Calls
from coordinator.simulate.clock import Clock
from coordinator.simulate.engine import Request
from coordinator.simulate.machine import Machine
from coordinator.simulate.world import Inhabitant, World
from shared.errors import FleetError, GatewayBroke, GatewayUnreachable, StreamBroken
from shared.names import CallId, NodeId

TICK_S = 0.25
"""How often the Desk looks at time."""
SILENT_S = 4.0
"""After which a connection to a machine that died is known to be gone, or not to come about."""
HOUR_S = 3_600.0
UNDER_LOAD = WarmRules().threshold
"""Fewer calls than these have no model loaded a second time."""


class Nodes:
    """What Members and the Forwarder are to a running coordinator."""

    def __init__(self, there: World, desk: Desk, calls: Calls, clock: Clock) -> None:
        self.machines = {
            NodeId(each.name): Machine(each.name, each.spec, each.truth, there.fleet)
            for each in there.inhabitants
        }
        self._desk = desk
        self._calls = calls
        self._beat_s = there.fleet.beat_s
        self._clock = clock
        self._planned: dict[NodeId, int] = {}
        """Of each machine, which of its wake-ups counts."""
        for each in there.inhabitants:
            self._live(each, Random(f"{there.seed}/life/{each.name}"))  # noqa: S311 - to be repeated

    def _live(self, each: Inhabitant, chance: Random) -> None:
        node_id, spec = NodeId(each.name), each.spec
        self._beat(node_id, again=False)
        self._clock.at(chance.uniform(0.0, self._beat_s), partial(self._beat, node_id))
        if spec.deaths_per_hour:
            self._after(chance, spec.deaths_per_hour, partial(self._dies, each, chance))
        if spec.owner_per_hour:
            self._after(chance, spec.owner_per_hour, partial(self._owner, each, chance, there=True))

    def tick(self) -> None:
        """For ever: what the Desk does because time has passed."""
        now = self._clock.now
        self._calls.apply(self._desk.expired(now))
        for target in self._desk.due_engines(now):
            alive = self.machines[target.node_id].up
            self._calls.apply(self._desk.engine_told(target, now, alive=alive))
        for node_id in self._desk.due_probes(now):
            self._probe(node_id)
        self._clock.at(now + TICK_S, self.tick)

    # Work

    def ask(self, node_id: NodeId, request: Request, attempt: int) -> None:
        """A call goes there."""
        machine = self.machines[node_id]
        if not machine.up:
            error = GatewayUnreachable(f"no connection to {node_id}: timed out")
            self._fails(request.call_id, attempt, error)
            return
        self._advance(node_id)
        machine.ask(request, self._clock.now)
        self._plan(node_id)

    def give_up(self, node_id: NodeId, call_id: str) -> None:
        """Its answer is wanted no more."""
        self._advance(node_id)
        self.machines[node_id].give_up(call_id, self._clock.now)
        self._plan(node_id)

    def _wakes(self, node_id: NodeId, plan: int) -> None:
        if self._planned[node_id] == plan:
            self._advance(node_id)
            self._plan(node_id)

    def _advance(self, node_id: NodeId) -> None:
        for event in self.machines[node_id].advance(self._clock.now):
            self._calls.told(event)

    def _plan(self, node_id: NodeId) -> None:
        """Earlier plans are out of date."""
        plan = self._planned[node_id] = self._planned.get(node_id, 0) + 1
        at = self.machines[node_id].next_at()
        if at < float("inf"):
            self._clock.at(at, partial(self._wakes, node_id, plan))

    def _fails(self, call_id: str, attempt: int, error: FleetError) -> None:
        self._clock.at(self._clock.now + SILENT_S, partial(self._calls.failed, call_id, attempt, error))

    # Beats and probes

    def _beat(self, node_id: NodeId, *, again: bool = True) -> None:
        machine, now = self.machines[node_id], self._clock.now
        if machine.up and not (machine.idle and self._nothing_to_decide()):
            self._advance(node_id)
            for call_id in machine.writing():
                self._desk.progressed(CallId(call_id), now)
            self._calls.apply(self._desk.heard(machine.beat(now), f"http://{node_id}:11436", now))
            if self._desk.fleet.nodes[node_id].next_probe_at <= now:
                self._probe(node_id)
            self._plan(node_id)
        if again:
            self._clock.at(now + self._beat_s, partial(self._beat, node_id))

    def _nothing_to_decide(self) -> bool:
        """All calls have come, and what is left of them ends where it is. On a slow machine that may take longer than
        all before, and the beats of a thousand idle ones would be heard for nothing.
        """
        return self._calls.answering == self._calls.open < UNDER_LOAD

    def _probe(self, node_id: NodeId) -> None:
        if self.machines[node_id].up:
            self._calls.apply(self._desk.reached(node_id, self._clock.now))
        else:
            self._desk.not_reached(node_id, NotReached("timed out"))

    # Lives

    def _after(self, chance: Random, per_hour: float, action: partial[None]) -> None:
        self._clock.at(self._clock.now + chance.expovariate(per_hour / HOUR_S), action)

    def _dies(self, each: Inhabitant, chance: Random) -> None:
        node_id = NodeId(each.name)
        self._advance(node_id)
        for call_id in self.machines[node_id].dies():
            record = self._calls.record(call_id)
            broke = GatewayBroke(f"{node_id} broke the connection")
            error = broke if record.first_byte_at is None else StreamBroken(f"{node_id} broke off its answer")
            self._fails(call_id, record.attempt, error)
        self._plan(node_id)
        self._clock.at(self._clock.now + each.spec.down_s, partial(self._returns, each, chance))

    def _returns(self, each: Inhabitant, chance: Random) -> None:
        node_id = NodeId(each.name)
        self._advance(node_id)
        self.machines[node_id].comes_back()
        self._beat(node_id, again=False)
        self._after(chance, each.spec.deaths_per_hour, partial(self._dies, each, chance))

    def _owner(self, each: Inhabitant, chance: Random, *, there: bool) -> None:
        node_id = NodeId(each.name)
        self._advance(node_id)
        self.machines[node_id].owner(there=there)
        self._plan(node_id)
        if there:
            leaves = partial(self._owner, each, chance, there=False)
            self._clock.at(self._clock.now + each.spec.owner_s, leaves)
        else:
            self._after(chance, each.spec.owner_per_hour, partial(self._owner, each, chance, there=True))
