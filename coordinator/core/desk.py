"""The Desk: events in, decisions out. The only door through which calls and nodes change. See DESIGN.md."""

from collections.abc import Iterable

from coordinator.core import context, failure, patience, retry
from coordinator.core.budget import RetryBudget
from coordinator.core.call import (
    NOT_COUNTED,
    Call,
    Decisions,
    Freed,
    Moved,
    Place,
    Placed,
    Refused,
    Target,
    Tokens,
)
from coordinator.core.fleet import Fleet
from coordinator.core.holding import Holding
from coordinator.core.limits import Limits, Weights
from coordinator.core.node import NotReached
from coordinator.core.open_call import OpenCall
from coordinator.core.policies.policy import MakePolicy
from coordinator.core.policies.weighted import Weighted
from coordinator.core.pulls import PullRules, Pulls, Setback
from coordinator.core.readable import Readable
from coordinator.core.scorer import Scorer
from coordinator.core.stillness import Stillness
from coordinator.core.waiting import Waiting
from shared.errors import EngineBusy, FleetError
from shared.names import CallId, ModelName, NodeId
from shared.wire import Heartbeat


class Desk(Readable):
    """Every event returns what follows from it, for any call: the one it names and those it lets go.

    `now` is the Desk's clock in seconds, and never goes back.
    """

    def __init__(
        self,
        limits: Limits,
        weights: Weights,
        now: float,
        policy: MakePolicy = Weighted,
        pulls: PullRules | None = None,
    ) -> None:
        """Without `pulls`, a model that nobody has is not fetched."""
        self.fleet = Fleet(limits)
        self.pulls = Pulls(pulls or PullRules())
        self.holding = Holding(limits)
        self.loads = self.fleet.loads
        self._scorer = Scorer(self.fleet, limits, weights, policy, now)
        events = (self._decide, self._apply, self.fleet.wanted)
        self._waiting = Waiting(limits, self.holding, self.loads, self._scorer, self.pulls, *events)
        self.completed = 0
        self.failures = 0
        self.budget = RetryBudget(limits.retry_floor, limits.retry_share)
        self._stillness = Stillness(limits)
        self._limits = limits
        self._open: dict[CallId, OpenCall] = {}
        self._turns = 0
        self._closed = False

    # Calls

    def arrived(self, call: Call, now: float) -> Decisions:
        """1. Others wait for the same places: in line with them. 2. Placed or refused, if that can be said. 3. Held,
        where there is room to wait, or another makes way.
        """
        if self._closed:
            self.failures += 1
            return [Refused(call.id, patience.closing())]
        self._turns += 1
        self.budget.arrived(now)
        call = context.measured(call, self._limits.context_protection, self.fleet.densities.most)
        arrival = OpenCall(call, self._turns, now)
        ahead = self.holding.ahead(arrival.key) if self.holding else 0
        if not ahead or self._scorer.policy.passes:
            decision = self._decide(arrival, now, ahead=ahead)
            if decision is not None:
                self._apply(arrival, decision, now)
                # It has passed others, who may have waited for just what it begins: a load.
                return [decision, *(self._release(now, call.models) if ahead else [])]
        self._open[call.id] = arrival
        return self._waiting.admit(arrival, now)

    def progressed(self, call_id: CallId, now: float, *, awaits_caller: bool = False) -> None:
        """Bytes came from the engine and go to the caller (`awaits_caller`), or were taken and more are awaited."""
        if running := self._open.get(call_id):
            running.progress_at = now
            running.awaits_caller = awaits_caller

    def first_byte(self, call_id: CallId, now: float, *, good: bool = True) -> Decisions:
        """The caller has been shown something: from here on no other node may be tried. Not `good` where the engine
        found fault with the call, which takes no time and no place.
        """
        running = self._open.get(call_id)
        if running is None:
            return []
        running.first_byte = True
        running.progress_at = now
        if not good or running.place is None or not self.fleet.first_byte(running, running.place, now):
            return []
        return self._release(now, [running.place.model])

    def finished(
        self, call_id: CallId, now: float, *, good: bool = True, tokens: Tokens = NOT_COUNTED
    ) -> Decisions:
        """The answer is complete; not `good` where the engine found fault with the call (a 4xx)."""
        ended = self._end(call_id, now, loaded=good)
        if ended is None or ended.place is None:
            return []
        if not good:
            self.failures += 1
            return self._release(now, self._models_at(ended.place))
        self.completed += 1
        self.fleet.went_well(ended, ended.place, tokens, now)
        return self._release(now, self._models_at(ended.place))

    def failed(self, call_id: CallId, error: FleetError, now: float) -> Decisions:
        """1. The place is free and ranks last. 2. Another node, where that is allowed. 3. Else the error stands."""
        if isinstance(error, EngineBusy):
            self.fleet.no_room(call_id, now)
        ended = self._end(call_id, now)
        if ended is None or ended.place is None:
            return []
        failure.blame(ended.place, ended.placed_at, error, self.fleet, self._limits, now)
        models = self._models_at(ended.place)
        stands = failure.what_stands(ended, error, self._limits, self.budget, now)
        if stands or self._closed:
            self.failures += 1
            return [Refused(call_id, stands or error), *self._release(now, models)]
        failure.goes_on(ended, error)
        self._open[call_id] = ended
        decisions = self._waiting.again(ended, now)
        if retry.is_attempt(error) and not isinstance(decisions[0], Refused):
            self.budget.spend(now)
        return [*decisions, *self._release(now, models)]

    def cancelled(self, call_id: CallId, now: float) -> Decisions:
        """The caller has gone, or the shell gives the call up; held or placed, it ends here."""
        ended = self._end(call_id, now)
        if ended is None or ended.place is None:
            return []
        return self._release(now, self._models_at(ended.place))

    # Nodes

    def heard(self, heartbeat: Heartbeat, address: str, now: float) -> Decisions:
        """A beat. Raises CallerFault for one that is out of date; nothing changes then."""
        known = self.fleet.nodes.get(NodeId(heartbeat.node_id))
        before = known.spots if known else {}
        node = self.fleet.heard(heartbeat, address, now)
        if self.loads.seen(node, now):
            self.fleet.touch(node)
        return self._release(now, before.keys() | node.spots.keys() if self.holding else ())

    def reached(self, node_id: NodeId, now: float) -> Decisions:
        """The node's gateway answered a probe."""
        self.fleet.nodes[node_id].reached()
        return self._release(now, self.fleet.nodes[node_id].spots)

    def not_reached(self, node_id: NodeId, problem: NotReached) -> None:
        """The node's gateway did not answer a probe, or something else did."""
        self.fleet.nodes[node_id].not_reached(problem)

    def due_probes(self, now: float) -> list[NodeId]:
        """Nodes whose gateway is to be tried now. Asking books the next attempt."""
        return self.fleet.probes.due(self.fleet.nodes, now)

    def due_engines(self, now: float) -> list[Target]:
        """Engines to be asked whether they are alive, since a call stands still there. Asking books the next time."""
        due = self._stillness.due(self._open.values(), now)
        return [self.fleet.nodes[node_id].target(engine) for node_id, engine in due]

    def engine_told(self, target: Target, now: float, *, alive: bool) -> Decisions:
        """What came of that. The calls that stand still at a dead engine go to another, where there is one."""
        decisions: Decisions = []
        key = (target.node_id, target.engine)
        if self._stillness.told(key, now, alive=alive):
            error = failure.silent(target)
            for running in self._stillness.at(key, self._open.values(), now):
                may_move = failure.may_move(running, error, self._limits, self.budget, now)
                if may_move and self._scorer.elsewhere(running, now):
                    decisions += self._end_attempt(running, error, now)
        return decisions

    def cordoned(self, node_id: NodeId, now: float, *, on: bool, deadline: float | None = None) -> Decisions:
        """New calls go elsewhere, and what runs ends by the deadline, if there is one; with `on=False`, come again."""
        self.fleet.set_aside(node_id, on=on, deadline=deadline)
        return self._release(now)

    def removed(self, node_id: NodeId, now: float) -> Decisions:
        """A person says it will not come back. Raises Conflict for one that is heard, or runs calls."""
        self.fleet.remove(node_id, now)
        return self._release(now)

    def pulled(self, model: ModelName, setback: Setback | None, now: float) -> Decisions:
        """A model that calls wait for is there, or will not be. For a place they wait from now on."""
        self.pulls.ended(model, setback, now)
        decisions = self._release(now)
        for each in self._open.values():
            if each.place is None and each.call.model == model and self.fleet.has(model):
                self._waiting.anew(each, now)
        return decisions

    # Time

    def expired(self, now: float) -> Decisions:
        """Time has passed: leases ran out, calls have waited long enough, running ones stand still."""
        self.fleet.forget(now)
        decisions = self._release(now)
        decisions += self._waiting.overdue(now)
        for running, cordon in self.fleet.cordons.overdue(self.open_calls(), now):
            decisions += cordon.counted(self._end_attempt(running, cordon.over(), now))
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

    # Inside

    def _decide(
        self, subject: OpenCall, now: float, *, last_chance: bool = False, ahead: int = 0
    ) -> Placed | Refused | None:
        if self.pulls.awaited(subject.call, self.fleet):
            return None
        decision = self._scorer.decide(subject, now, last_chance=last_chance, ahead=ahead)
        return self.pulls.instead(subject.call, decision, now) if isinstance(decision, Refused) else decision

    def _apply(self, subject: OpenCall, decision: Placed | Refused, now: float) -> None:
        if isinstance(decision, Placed):
            subject.place = decision.placement.place
            subject.placed_at = subject.progress_at = now
            if subject.waits_since is not None:
                subject.stops_waiting(now)
            self.fleet.take(subject, decision.placement, now)
            self.holding.placed(subject)
            self._open[subject.call.id] = subject
        else:
            self.failures += 1
            self._open.pop(subject.call.id, None)

    def _release(self, now: float, models: Iterable[ModelName] | None = None) -> Decisions:
        return self._waiting.release(now, models)

    def _models_at(self, place: Place) -> set[ModelName]:
        if not self.holding:  # nobody asks
            return set()
        return {place.model, *self.fleet.nodes[place.node_id].spots}

    def _end(self, call_id: CallId, now: float, *, loaded: bool = False) -> OpenCall | None:
        ended = self._open.pop(call_id, None)
        if ended is None:
            return None
        if ended.place is None:
            self.holding.remove(ended)
        else:
            self.fleet.free(call_id, ended.place, now)
            self.holding.ended(ended, now)
            if loaded or not self.fleet.nodes[ended.place.node_id].in_flight[ended.place[1:]]:
                self.fleet.load_ended(ended.place, now, ok=loaded)
        return ended

    def _end_attempt(self, running: OpenCall, error: FleetError, now: float) -> Decisions:
        """As if it had failed, but the shell does not know yet and has to be told."""
        first, *others = self.failed(running.call.id, error, now)
        if isinstance(first, Refused):
            return [Freed(running.call.id, first.error), *others]
        return [Moved(running.call.id, error), first, *others]
