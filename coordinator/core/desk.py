"""The Desk: events in, decisions out. The only door through which calls and nodes change. See DESIGN.md."""

from coordinator.core import patience, retry
from coordinator.core.call import Call, Decisions, Freed, Held, Moved, Placed, Refused
from coordinator.core.explanation import Explanation
from coordinator.core.fleet import Fleet
from coordinator.core.holding import Holding, OpenCall
from coordinator.core.limits import Limits, Weights
from coordinator.core.node import NotReached
from coordinator.core.policies.policy import Policy
from coordinator.core.policies.weighted import WEIGHTED
from coordinator.core.pulls import PullRules, Pulls, Setback
from coordinator.core.scorer import Scorer
from shared.errors import FleetError, QueueFull
from shared.names import CallId, ModelName, NodeId
from shared.wire import Heartbeat


class Desk:
    """Every event returns what follows from it, for any call: the one it names and those it lets go.

    `now` is the Desk's clock in seconds, and never goes back.
    """

    def __init__(
        self,
        limits: Limits,
        weights: Weights,
        now: float,
        policy: Policy = WEIGHTED,
        pulls: PullRules | None = None,
    ) -> None:
        """Without `pulls`, a model that nobody has is not fetched."""
        self.fleet = Fleet(limits)
        self.pulls = Pulls(pulls or PullRules())
        self.holding = Holding()
        self.completed = 0
        self.failures = 0
        self._limits = limits
        self._scorer = Scorer(self.fleet, limits, weights, policy, now)
        self._open: dict[CallId, OpenCall] = {}
        self._turns = 0
        self._closed = False

    # Calls

    def arrived(self, call: Call, now: float) -> Decisions:
        """1. Others wait for the same places: behind them. 2. Placed or refused, if that can be said. 3. Held, if
        there is room to wait.
        """
        if self._closed:
            self.failures += 1
            return [Refused(call.id, patience.closing())]
        self._turns += 1
        arrival = OpenCall(call, self._turns, now)
        if not self.holding.waits_for(arrival.key):
            decision = self._decide(arrival, now)
            if decision is not None:
                self._apply(arrival, decision, now)
                return [decision]
        if len(self.holding) >= self._limits.held_calls:
            error = QueueFull(
                f"{len(self.holding)} calls are waiting already", retry_after=self.holding.retry_after(now)
            )
            self.failures += 1
            return [Refused(call.id, error)]
        return [self._hold(arrival, now)]

    def progressed(self, call_id: CallId, now: float, *, awaits_caller: bool = False) -> None:
        """Bytes came from the engine and go to the caller (`awaits_caller`), or were taken and more are awaited."""
        if running := self._open.get(call_id):
            running.progress_at = now
            running.awaits_caller = awaits_caller

    def first_byte(self, call_id: CallId, now: float) -> None:
        """The caller has been shown something: from here on no other node may be tried."""
        if running := self._open.get(call_id):
            running.first_byte = True
            running.progress_at = now

    def finished(self, call_id: CallId, now: float, *, good: bool = True) -> Decisions:
        """The answer is complete; not `good` where the engine found fault with the call (a 4xx)."""
        ended = self._end(call_id, now)
        if ended is None or ended.place is None:
            return []
        if not good:
            self.failures += 1
            return self._release(now)
        self.completed += 1
        node = self.fleet.nodes[ended.place.node_id]
        node.trouble_over(ended.place)
        self.fleet.latencies.add(node.node_id, ended.place.model, now - ended.placed_at)
        return self._release(now)

    def failed(self, call_id: CallId, error: FleetError, now: float) -> Decisions:
        """1. The place is free and ranks last. 2. Another node, where that is allowed. 3. Else the error stands."""
        ended = self._end(call_id, now)
        if ended is None or ended.place is None:
            return []
        self._blame(ended, error, now)
        again = retry.verdict(
            error, first_byte=ended.first_byte, retries=ended.retries, allowed=self._limits.retries
        )
        if again == "give up":
            self.failures += 1
            return [Refused(call_id, error), *self._release(now)]
        ended.error, ended.retries = error, ended.retries + retry.is_attempt(error)
        ended.excluded |= {ended.place.node_id}
        ended.place = None
        return [*self._decide_or_hold(ended, now), *self._release(now)]

    def cancelled(self, call_id: CallId, now: float) -> Decisions:
        """The caller has gone, or the shell gives the call up; held or placed, it ends here."""
        ended = self._end(call_id, now)
        return self._release(now) if ended is not None and ended.place is not None else []

    # Nodes

    def heard(self, heartbeat: Heartbeat, address: str, now: float) -> Decisions:
        """A beat. Raises CallerFault for one that is out of date; nothing changes then."""
        self.fleet.heard(heartbeat, address, now)
        return self._release(now)

    def reached(self, node_id: NodeId, now: float) -> Decisions:
        """The node's gateway answered a probe."""
        self.fleet.nodes[node_id].reached()
        return self._release(now)

    def not_reached(self, node_id: NodeId, problem: NotReached) -> None:
        """The node's gateway did not answer a probe, or something else did."""
        self.fleet.nodes[node_id].not_reached(problem)

    def due_probes(self, now: float) -> list[NodeId]:
        """Nodes whose gateway is to be tried now. Asking books the next attempt."""
        due = [node for node in self.fleet.nodes.values() if node.next_probe_at <= now]
        due = [node for node in due if node.standing(now, self._limits).status != "offline"]
        for node in due:
            node.next_probe_at = now + self._limits.probe_every_s
        return [node.node_id for node in due]

    def cordoned(self, node_id: NodeId, now: float, *, on: bool) -> Decisions:
        """New calls go elsewhere; with `on=False`, come again."""
        self.fleet.nodes[node_id].cordoned = on
        return self._release(now)

    def pulled(self, model: ModelName, setback: Setback | None, now: float) -> Decisions:
        """A model that calls wait for is there, or will not be. For a place they wait from now on."""
        self.pulls.ended(model, setback, now)
        decisions = self._release(now)
        for each in self._open.values():
            if each.place is None and each.call.model == model and self.fleet.has(model):
                each.waits_since = now
        return decisions

    # Time

    def expired(self, now: float) -> Decisions:
        """Time has passed: leases ran out, calls have waited long enough, running ones stand still."""
        self.fleet.forget(now)
        decisions = self._release(now)
        for waiting in self.holding.overdue(now, self._limits.hold_s):
            if self.pulls.keeps(waiting, now):
                continue
            decision = self._decide(waiting, now, last_chance=True)
            decision = decision or Refused(waiting.call.id, self._overdue(waiting, now))
            self.holding.remove(waiting)
            self._apply(waiting, decision, now)
            decisions.append(decision)
        for running in [each for each in self._open.values() if each.place is not None]:
            if error := patience.hopeless(running, self.fleet, self._limits, now):
                decisions += self._end_attempt(running, error, now)
        return decisions

    # The end

    def closing(self) -> Decisions:
        """The coordinator stops: what waits is refused, nothing new is taken, what runs may finish."""
        self._closed = True
        waiting = [each for each in self._open.values() if each.place is None]
        for each in waiting:
            self.holding.remove(each)
            del self._open[each.call.id]
        self.failures += len(waiting)
        return [Refused(each.call.id, patience.closing()) for each in waiting]

    def cut(self, now: float) -> Decisions:
        """What still runs is ended; each caller is told."""
        running = list(self._open)
        for call_id in running:
            self._end(call_id, now)
        self.failures += len(running)
        return [Freed(call_id, patience.closing()) for call_id in running]

    def remember(self, node_id: NodeId, model: ModelName, seconds: list[float]) -> None:
        """How long calls for `model` took on `node_id` before this start, oldest first."""
        for each in seconds:
            self.fleet.latencies.add(node_id, model, each)

    # What the shell may read

    def open_calls(self) -> list[OpenCall]:
        """Calls between arrival and end."""
        return list(self._open.values())

    def explain(self, call: Call, now: float) -> Explanation:
        """What would become of this call now; nothing changes."""
        return self._scorer.explain(OpenCall(call, 0, now), now)

    def knows(self, call_id: CallId) -> bool:
        """Whether a call of this id is open."""
        return call_id in self._open

    # Inside

    def _decide(self, subject: OpenCall, now: float, *, last_chance: bool = False) -> Placed | Refused | None:
        if self.pulls.awaited(subject.call, self.fleet):
            return None
        decision = self._scorer.decide(subject, now, last_chance=last_chance)
        return self.pulls.instead(subject.call, decision, now)

    def _apply(self, subject: OpenCall, decision: Placed | Refused, now: float) -> None:
        if isinstance(decision, Placed):
            subject.place = decision.placement.place
            subject.placed_at = subject.progress_at = now
            subject.stops_waiting(now)
            self.fleet.take(subject.place)
            self._open[subject.call.id] = subject
        else:
            self.failures += 1
            self._open.pop(subject.call.id, None)

    def _overdue(self, waiting: OpenCall, now: float) -> FleetError:
        if too_slow := self.pulls.too_slow(waiting.call, now):
            return too_slow
        why = self._scorer.why_not(waiting, now)
        return patience.waited(waiting, self._limits, why, self.holding.retry_after(now))

    def _hold(self, subject: OpenCall, now: float) -> Held:
        self._open[subject.call.id] = subject
        since = subject.begins_to_wait(now)
        self.holding.add(subject)
        return Held(subject.call.id, since + self._limits.hold_s)

    def _decide_or_hold(self, subject: OpenCall, now: float) -> Decisions:
        decision = None if self.holding.waits_for(subject.key) else self._decide(subject, now)
        if decision is None and len(self.holding) >= self._limits.held_calls and subject.error is not None:
            decision = Refused(subject.call.id, subject.error)
        if decision is None:
            return [self._hold(subject, now)]
        self._apply(subject, decision, now)
        return [decision]

    def _release(self, now: float) -> Decisions:
        """Looks at the held calls again, oldest first; within a group, nobody passes the first."""
        decisions: Decisions = []
        for group in self.holding.groups():
            for waiting in group:
                decision = self._decide(waiting, now)
                if decision is None:
                    break
                self.holding.remove(waiting)
                self._apply(waiting, decision, now)
                decisions.append(decision)
        return decisions

    def _end(self, call_id: CallId, now: float) -> OpenCall | None:
        ended = self._open.pop(call_id, None)
        if ended is None:
            return None
        if ended.place is None:
            self.holding.remove(ended)
        else:
            self.fleet.free(ended.place)
            self.holding.ended(now)
        return ended

    def _blame(self, ended: OpenCall, error: FleetError, now: float) -> None:
        if ended.place is None:
            return
        node = self.fleet.nodes[ended.place.node_id]
        if trouble_s := retry.trouble_for(error, self._limits.trouble_s):
            node.trouble(ended.place, now + trouble_s)
        if retry.blames_node(error):
            node.suspect(error.summary, now)

    def _end_attempt(self, running: OpenCall, error: FleetError, now: float) -> Decisions:
        """As if it had failed, but the shell does not know yet and has to be told."""
        first, *others = self.failed(running.call.id, error, now)
        if isinstance(first, Refused):
            return [Freed(running.call.id, error), *others]
        return [Moved(running.call.id, error), first, *others]
