"""One node as the coordinator knows it: its last beat, its lease, whether its gateway answers, what runs there."""

import math
from collections import Counter, defaultdict, deque
from collections.abc import Callable

from msgspec.structs import replace

from coordinator.core import beats
from coordinator.core.call import Place, Target
from coordinator.core.cordon import Cordon
from coordinator.core.engine_events import EngineEvents
from coordinator.core.expected_contexts import ExpectedContexts
from coordinator.core.limits import Limits
from coordinator.core.memory import free_bytes
from coordinator.core.node_load import NO_LOAD
from coordinator.core.spots import Replicas, Spot, replicas_of, spots_of
from coordinator.core.standing import ANOTHER, NO_WAY, READY, NotReached, Reach, Standing, Status, aside
from shared.names import ModelName, NodeId
from shared.wire import Heartbeat

__all__ = ["Node", "NotReached", "Standing", "Status"]

LOADS_KEPT = 1_000
"""Of each node: more than any machine loads in a day."""
UNLOADED_KEPT = 256
"""Models of each node of which is known when they left memory last."""
TAUGHT_STEP_S, MOST_TAUGHT = 0.1, 20
"""Calls of one node within so many seconds that teach anything. What is learned is of its newest 15 to 64 calls: more
would push each other out of it within moments, and take a tenth of what a short call costs.
"""
GONE_KEPT = 256
"""Places whose last use is remembered beside those of the last beat: models come again."""


class Node:
    """Mutable, and changed through Fleet only."""

    def __init__(
        self,
        heartbeat: Heartbeat,
        address: str,
        now: float,
        touched: "Callable[[Node], None]" = lambda _node: None,
    ) -> None:
        """`address`: base URL of the gateway. `touched` is told of every change but that of its load."""
        self._touched = touched
        self.node_id = NodeId(heartbeat.node_id)
        self.in_flight: Counter[tuple[str, ModelName]] = Counter()
        self.cordon: Cordon | None = None
        """A person's order; no beat changes it."""
        self.last_used: defaultdict[tuple[str, ModelName], int] = defaultdict(int)
        self.unloaded_at: dict[ModelName, float] = {}
        self.contexts: ExpectedContexts[tuple[str, ModelName]] = ExpectedContexts()
        self.loads: deque[tuple[float, ModelName]] = deque(maxlen=LOADS_KEPT)
        """When a beat first showed a model in memory that the one before did not, oldest first."""
        self.spots: dict[ModelName, tuple[Spot, ...]] = {}
        self.replicas: Replicas = ()
        self.events = EngineEvents()
        self.load = NO_LOAD
        """As it was when the index last took in what has changed; another object whenever it is another."""
        self.running = 0
        """Calls that run here, for whatever model."""
        self.worked, self._worked_at = 0.0, now
        """Call-seconds since it joined, up to the last time that a call began or ended: calls, added up over time."""
        self.heartbeat, self.address, self.last_heard = heartbeat, address, now
        self._taught_step, self._taught = -1.0, 0
        self._known_free_bytes = 0
        """By which its places were weighed last."""
        self._targets: dict[str, Target] = {}
        self._trouble_until: dict[tuple[str, ModelName], float] = {}
        self._accept(heartbeat, address, now)
        self._probe_anew(now)

    def hears_again(self, heartbeat: Heartbeat, address: str, now: float, limits: Limits) -> bool:
        """Takes in a newer beat, if it says what the last one said, and was not late. False: it is to be `heard`."""
        before = self.heartbeat
        if address != self.address or now - self.last_heard > limits.beat_late_s:
            return False
        if not beats.repeats(before, heartbeat, self._known_free_bytes):
            return False
        # Equal engines are kept once: another thousand lists of models would be looked through by the collector.
        self.heartbeat, self.last_heard = replace(heartbeat, engines=before.engines), now
        self.events.heard(heartbeat)
        self._forget_uses()
        if self.contexts.heard(self._context_told, self.in_flight.__getitem__):
            self._touched(self)
        return True

    def heard(self, heartbeat: Heartbeat, address: str, now: float, limits: Limits) -> None:
        """A newer beat. A restarted agent, or one that moved or was lost, must be reached again before it gets calls;
        one that was late stays degraded until it is.
        """
        before, silent = self.heartbeat, now - self.last_heard
        moved = address != self.address or heartbeat.gateway_secret != before.gateway_secret
        loaded = self.loaded()
        self._accept(heartbeat, address, now)
        self.contexts.heard(self._context_told, self.in_flight.__getitem__)
        for model in sorted(loaded - self.loaded()):
            self._left_memory(model, now)
        self._forget_uses()
        if heartbeat.epoch == before.epoch:  # a restarted agent knows of no earlier load
            self.loads.extend((now, model) for model in sorted(self.loaded() - loaded))
        if moved or heartbeat.epoch != before.epoch or silent > limits.lease_s:
            self._trouble_until.clear()  # that was another process, or another way to it
            self._probe_anew(now)
        elif silent > limits.beat_late_s:
            self.suspect(f"it was silent for {silent:.0f} s", now)

    def _left_memory(self, model: ModelName, now: float) -> None:
        self.unloaded_at.pop(model, None)  # to the end: the dict is in order of time
        self.unloaded_at[model] = now
        if len(self.unloaded_at) > UNLOADED_KEPT:
            del self.unloaded_at[next(iter(self.unloaded_at))]

    def _forget_uses(self) -> None:
        """Of what is here no more, all but the last."""
        if len(self.last_used) <= GONE_KEPT:
            return
        here = {(spot.engine.name, model) for model, spots in self.spots.items() for spot in spots}
        gone = sorted(self.last_used.keys() - here, key=self.last_used.__getitem__)
        for key in gone[: max(0, len(gone) - GONE_KEPT)]:
            del self.last_used[key]

    def loaded(self) -> set[ModelName]:
        """Models that are in memory here."""
        return {model for (_, model), _ in self.replicas}

    def _accept(self, heartbeat: Heartbeat, address: str, now: float) -> None:
        self.heartbeat, self.address, self.last_heard = heartbeat, address, now
        self._known_free_bytes = free_bytes(heartbeat)
        self.events.heard(heartbeat)
        self._targets.clear()
        if not heartbeat.leaving:
            self.spots = spots_of(heartbeat)
            self.replicas = replicas_of(self.spots)

    def _context_told(self, key: tuple[str, ModelName]) -> int | None:
        spots = self.spots.get(key[1], ())
        return next((spot.context_length for spot in spots if spot.engine.name == key[0]), None)

    def _probe_anew(self, now: float) -> None:
        self.reach: Reach = "probing"
        self._problem = NotReached("")
        self.next_probe_at = now

    # Reachability

    def reached(self) -> None:
        """The gateway answered a probe."""
        self.reach, self._problem, self.next_probe_at = "reached", NotReached(""), math.inf
        self._touched(self)

    def not_reached(self, problem: NotReached) -> None:
        """A probe failed."""
        if self.reach == "reached":
            return  # answers already
        if self.reach != "suspect":
            self.reach = "unreachable"
        self._problem = problem
        self._touched(self)

    def suspect(self, reason: str, now: float) -> None:
        """A call's connection failed: no new calls here unless nobody else can, and a probe at once."""
        if self.reach == "reached":
            self.reach, self._problem, self.next_probe_at = "suspect", NotReached(reason), now
            self._touched(self)

    def spot(self, engine: str, model: ModelName) -> Spot | None:
        """That model on that engine; None where a beat has taken it away meanwhile."""
        for each in self.spots.get(model, ()):
            if each.engine.name == engine:
                return each
        return None

    # Work

    def work(self, now: float) -> float:
        """`worked`, up to now."""
        return self.worked + self.running * (now - self._worked_at)

    def begins(self, key: tuple[str, ModelName], now: float) -> int:
        """A call starts there; how many run there now."""
        self.worked += self.running * (now - self._worked_at)
        self._worked_at = now
        self.running += 1
        self.in_flight[key] = running = self.in_flight.get(key, 0) + 1
        return running

    def ends(self, key: tuple[str, ModelName], now: float) -> None:
        """A call has ended there."""
        self.worked += self.running * (now - self._worked_at)
        self._worked_at = now
        self.running -= 1
        self.in_flight[key] -= 1
        assert self.in_flight[key] >= 0, f"more calls ended than began at {key} of {self.node_id}"  # noqa: S101 - an invariant
        if not self.in_flight[key]:
            del self.in_flight[key]

    def teaches(self, now: float) -> bool:
        """Whether something is to be learned from one more call that went well here."""
        if (step := now // TAUGHT_STEP_S) != self._taught_step:
            self._taught_step, self._taught = step, 0
        self._taught += 1
        return self._taught <= MOST_TAUGHT

    # Trouble of one model on one engine

    def trouble(self, place: Place, until: float) -> None:
        """A call failed there: rank it last until then."""
        key = (place.engine, place.model)
        self._trouble_until[key] = max(until, self._trouble_until.get(key, until))
        self._touched(self)

    def trouble_passed(self, now: float) -> None:
        """What is over by time is forgotten."""
        for key in [key for key, until in self._trouble_until.items() if until <= now]:
            del self._trouble_until[key]

    def trouble_ends_at(self) -> float:
        """When the next trouble here is over."""
        return min(self._trouble_until.values(), default=math.inf)

    def trouble_over(self, place: Place) -> None:
        """A call succeeded there."""
        if self._trouble_until.pop((place.engine, place.model), None) is not None:
            self._touched(self)

    def troubled(self, engine: str, model: ModelName, now: float) -> bool:
        """Whether a failure there is recent."""
        return self._trouble_until.get((engine, model), -math.inf) > now

    def target(self, engine: str) -> Target:
        """How one of its engines is reached."""
        found = self._targets.get(engine)
        if found is None:
            found = Target(self.node_id, engine, self.address, self.heartbeat.gateway_secret)
            self._targets[engine] = found
        return found

    # Standing

    def set_aside(self, cordon: Cordon | None) -> None:
        """A person's order, or its end."""
        self.cordon = cordon
        self._touched(self)

    @property
    def bandwidth_gbps(self) -> float:
        """Of its memory, as it says; 0: unknown."""
        return self.heartbeat.hardware.memory_bandwidth_gbps

    @property
    def cordoned(self) -> bool:
        """Whether a person has set it aside: by a cordon, or by a drain."""
        return self.cordon is not None

    @property
    def draining(self) -> bool:
        """Whether its running calls are its last, by a person's order here or by its agent's own word."""
        return self.heartbeat.draining or (self.cordon is not None and self.cordon.drains)

    @property
    def drained(self) -> bool:
        """Whether none of them runs any more."""
        return self.draining and not self.in_flight

    def standing(self, now: float, limits: Limits) -> Standing:
        """What /fleet/status says of it."""
        silent = now - self.last_heard
        if self.heartbeat.leaving:
            return Standing("offline", "left", "its agent was stopped")
        if silent > limits.lease_s:
            return Standing("offline", "lost", f"no heartbeat for {silent:.0f} s")
        if self.reach == "probing":
            return Standing("degraded", "probing", f"its gateway at {self.address} is being tried")
        if self.reach == "unreachable":
            mend = ANOTHER if self._problem.answered else NO_WAY
            return Standing("degraded", "unreachable", f"{self.address}: {self._problem.reason}; {mend}")
        if self.reach == "suspect":
            return Standing("degraded", "suspect", f"{self.address}: {self._problem.reason}")
        if silent > limits.beat_late_s:
            return Standing("degraded", "late", f"no heartbeat for {silent:.0f} s")
        if self.cordon is None and not self.heartbeat.draining:
            return READY
        return aside(self.node_id, self.in_flight.total(), cordoned=self.cordoned, draining=self.draining)
