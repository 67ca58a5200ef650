"""Which places fail so often that calls are kept away from them for a while. One circuit for each place."""

import heapq
import math
from collections import deque
from typing import Literal

from msgspec import Struct, field

from coordinator.core.call import Place
from coordinator.core.limits import Limits
from shared.names import CallId, NodeId

State = Literal["closed", "open", "half-open"]

WINDOW_S = 30
"""Over which the share of failures is judged, by whole seconds."""
JUDGED_FROM = 10
"""Calls in the window; fewer say nothing about a share."""
LONGEST_OPEN_S = 300.0
"""To which the time doubles, with each probe that fails."""
PROBE_S = 30.0
"""A half-open circuit lets one call through; where that takes longer than this, another."""


class Second(Struct):
    """Outcomes of one second."""

    at: int
    good: int = 0
    bad: int = 0


class Circuit(Struct):
    """Of one place. `until` is the end of an opening; `probe`, from `probed_at` on, the call that tries it then."""

    in_a_row: int = 0
    good: int = 0
    bad: int = 0
    seconds: deque[Second] = field(default_factory=deque)
    opened_at: float = -math.inf
    until: float = -math.inf
    opened_for_s: float = 0.0
    why: str = ""
    probe: CallId | None = None
    probed_at: float = -math.inf

    def count(self, now: float, *, good: bool) -> None:
        """One call ended."""
        self.in_a_row = 0 if good else self.in_a_row + 1
        at = int(now)
        if not self.seconds or self.seconds[-1].at != at:
            self.seconds.append(Second(at))
        second = self.seconds[-1]
        if good:
            second.good += 1
            self.good += 1
        else:
            second.bad += 1
            self.bad += 1
        while self.seconds[0].at <= at - WINDOW_S:
            gone = self.seconds.popleft()
            self.good -= gone.good
            self.bad -= gone.bad


class Circuits:
    """`FLEET_CIRCUIT_FAILURES` in a row, or more than half of ten calls or more within 30 s, open a circuit."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._circuits: dict[Place, Circuit] = {}
        self.opened: set[Place] = set()
        """Those that are open or half-open: few, and empty as a rule. Read only."""
        self._renewed: dict[NodeId, float] = {}
        """When a node's agent was last believed to be another one."""
        self._changes: list[tuple[float, Place]] = []
        """When time alone changes what a place may be given, soonest first; some no longer hold."""

    # What happened at a place

    def placed(self, place: Place, call_id: CallId, now: float) -> bool:
        """A call goes there; the first after an opening is the probe. Each of these tells whether `bars` changed."""
        if place not in self.opened or self.bars(place, now):
            return False
        circuit = self._circuits[place]
        circuit.probe, circuit.probed_at = call_id, now
        heapq.heappush(self._changes, (now + PROBE_S, place))
        return True

    def left(self, place: Place, call_id: CallId) -> bool:
        """A call is over there; if it was the probe, another may be."""
        circuit = self._circuits.get(place)
        if circuit is None or circuit.probe != call_id:
            return False
        circuit.probe, circuit.probed_at = None, -math.inf
        return True

    def succeeded(self, place: Place, placed_at: float, now: float) -> bool:
        """It ended well. One that was placed after the opening closes the circuit."""
        circuit = self._circuits.get(
            place
        )  # most calls end here: to make one that is not kept costs more than all
        if circuit is None:
            circuit = self._circuits[place] = Circuit()
        circuit.count(now, good=True)
        if place not in self.opened or placed_at < circuit.opened_at:
            return False
        self._circuits[place] = Circuit()
        self.opened.discard(place)
        return True

    def failed(self, place: Place, placed_at: float, now: float) -> None:
        """It ended badly: enough of these open the circuit, a failed probe opens it again for twice as long."""
        circuit = self._circuits.setdefault(place, Circuit())
        circuit.count(now, good=False)
        if place not in self.opened:
            if why := self._verdict(circuit):
                self._open(place, circuit, now, self._limits.circuit_open_s, why)
        elif placed_at >= circuit.until:
            longer = min(2 * circuit.opened_for_s, max(LONGEST_OPEN_S, self._limits.circuit_open_s))
            self._open(place, circuit, now, longer, f"{circuit.in_a_row} failures in a row")

    def restarted(self, node_id: NodeId, now: float) -> None:
        """The node's agent says that it was started anew. Who says so all the time keeps what its calls came to."""
        if now - self._renewed.get(node_id, -math.inf) < LONGEST_OPEN_S:
            return
        self._renewed = {each: at for each, at in self._renewed.items() if now - at < LONGEST_OPEN_S}
        self._renewed[node_id] = now
        self.forget(node_id)

    def forget(self, node_id: NodeId) -> None:
        """The node is another one, or is gone."""
        for place in [place for place in self._circuits if place.node_id == node_id]:
            del self._circuits[place]
            if place in self.opened:
                self.opened.remove(place)
                heapq.heappush(self._changes, (-math.inf, place))

    # What that means for the next call

    def state(self, place: Place, now: float) -> State:
        """open: no calls. half-open: one call, to see."""
        if place not in self.opened:
            return "closed"
        return "open" if now < self._circuits[place].until else "half-open"

    def until(self, place: Place) -> float:
        """When an open circuit becomes half-open; -inf for a closed one."""
        return self._circuits[place].until if place in self.opened else -math.inf

    def bars(self, place: Place, now: float) -> bool:
        """Whether a call has to go elsewhere, if there is an elsewhere: open, or half-open with its probe under way."""
        if place not in self.opened:
            return False
        circuit = self._circuits[place]
        return now < circuit.until or now < circuit.probed_at + PROBE_S

    def reason(self, place: Place, now: float) -> str:
        """Why it is barred, for a person; empty where it is not."""
        if not self.bars(place, now):
            return ""
        circuit = self._circuits[place]
        where = f"{place.engine} on {place.node_id}"
        if now >= circuit.until:
            return f"{where} is tried by one call first, after {circuit.why}"
        left_s = math.ceil(circuit.until - now)
        return f"its circuit at {where} is open for {left_s} s more, after {circuit.why}"

    def not_closed(self, node_id: NodeId) -> list[Place]:
        """Places of the node whose circuit is open or half-open."""
        if not self.opened:
            return []
        return sorted(place for place in self.opened if place.node_id == node_id)

    def next_change_at(self) -> float:
        """When `due` will have something to tell."""
        return self._changes[0][0] if self._changes else math.inf

    def due(self, now: float) -> list[Place]:
        """Places for which `bars` may have changed since the last time this was asked, by time alone."""
        due = set()
        while self._changes and self._changes[0][0] <= now:
            due.add(heapq.heappop(self._changes)[1])
        return sorted(due)

    # Inside

    def _verdict(self, circuit: Circuit) -> str:
        if circuit.in_a_row >= self._limits.circuit_failures:
            return f"{circuit.in_a_row} failures in a row"
        total = circuit.good + circuit.bad
        if total >= JUDGED_FROM and 2 * circuit.bad > total:
            return f"{circuit.bad} failures of {total} calls"
        return ""

    def _open(self, place: Place, circuit: Circuit, now: float, for_s: float, why: str) -> None:
        circuit.opened_at, circuit.until, circuit.opened_for_s, circuit.why = now, now + for_s, for_s, why
        circuit.probe, circuit.probed_at = None, -math.inf
        self.opened.add(place)
        heapq.heappush(self._changes, (circuit.until, place))
