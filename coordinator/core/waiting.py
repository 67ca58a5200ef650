"""Calls begin to wait, go when there is a place, and are given up when their time is over."""

from collections.abc import Callable, Iterable
from typing import Protocol

from coordinator.core import hold_time
from coordinator.core.call import Decisions, Held, Placed, Refused
from coordinator.core.holding import Holding
from coordinator.core.limits import Limits
from coordinator.core.loads import Loads
from coordinator.core.open_call import GroupKey, OpenCall
from coordinator.core.pulls import Pulls
from coordinator.core.scorer import Scorer
from coordinator.core.turns import Round
from shared.names import ModelName

Apply = Callable[[OpenCall, Placed | Refused, float], None]
"""Makes a decision true, so that the next one is made with it."""


class Decide(Protocol):
    """What becomes of a call now; None: it waits."""

    def __call__(
        self, subject: OpenCall, now: float, *, last_chance: bool = False, ahead: int = 0
    ) -> Placed | Refused | None: ...


Wanted = Callable[[Iterable[ModelName], float], bool]
"""Told that a call waits for one of those models; whether one more may be tried somewhere."""


LOOK_AGAIN_S = 1.0
"""Between looks whether a pull that a call waits for may still end in time."""


class Waiting:
    """The part of the Desk that looks after held calls; what it decides is true when it returns."""

    def __init__(
        self,
        limits: Limits,
        holding: Holding,
        loads: Loads,
        scorer: Scorer,
        pulls: Pulls,
        decide: Decide,
        apply: Apply,
        wanted: Wanted,
    ) -> None:
        self._limits = limits
        self._holding = holding
        self._loads = loads
        self._scorer = scorer
        self._pulls = pulls
        self._decide = decide
        self._apply = apply
        self._wanted = wanted

    def admit(self, arrival: OpenCall, now: float) -> Decisions:
        """There is no place for it now: it is held, if need be in the stead of others, or refused."""
        displaced = self._holding.make_way(arrival, now)
        for each, refusal in displaced:
            self._apply(each, refusal, now)
        held = [] if any(each is arrival for each, _ in displaced) else [self._hold(arrival, now)]
        decisions: Decisions = [*(refusal for _, refusal in displaced), *held]
        if held and self._wanted(arrival.call.models, now):
            decisions += self.release(now, arrival.call.models)
        return decisions

    def again(self, subject: OpenCall, now: float) -> Decisions:
        """It has failed somewhere: another place, or it waits in its old turn. Where it cannot, its error stands."""
        decision = None if self._holding.ahead(subject.key) else self._decide(subject, now)
        if decision is None and subject.error is not None and self._holding.is_full(subject):
            decision = Refused(subject.call.id, subject.error)
        if decision is None:
            return [self._hold(subject, now)]
        self._apply(subject, decision, now)
        return [decision]

    def release(self, now: float, models: Iterable[ModelName] | None = None) -> Decisions:
        """Looks at the held calls again, in their order; nobody passes another that could take the same places.
        `models`: those whose places have changed; None: any may have.
        """
        self._scorer.settle(now)
        decisions: Decisions = []
        if not self._holding:  # as nearly always
            return decisions
        turns = self._holding.round(now, models)
        while waiting := turns.next():
            decision = self._decide(waiting, now)
            if decision is None and self._wanted(waiting.call.models, now):
                decision = self._decide(waiting, now)
            if decision is None and self._scorer.policy.passes:
                waiting, decision = self._later(waiting, turns, now)
            if decision is None:
                turns.blocked(waiting)
                continue
            if isinstance(decision, Placed):
                waiting, decision = self._fairest(waiting, decision, turns, now)
            self._holding.remove(waiting)
            self._apply(waiting, decision, now)
            turns.went(waiting)
            decisions.append(decision)
        return decisions

    def _fairest(self, leader: OpenCall, placed: Placed, turns: Round, now: float) -> tuple[OpenCall, Placed]:
        """It may go by its age: whoever of its class has the fairest claim to that very place goes."""
        for other in turns.fairer(leader):
            decision = self._decide(other, now)
            if isinstance(decision, Placed) and decision.placement.place == placed.placement.place:
                other.lender = None if other.call.client == leader.call.client else leader.call.client
                return other, decision
        return leader, placed

    def _later(self, first: OpenCall, turns: Round, now: float) -> tuple[OpenCall, Placed | Refused | None]:
        """It would rather wait: perhaps one behind it, who would wait longer, takes what is free."""
        for ahead, other in turns.behind(first):
            if decision := self._decide(other, now, ahead=ahead):
                return other, decision
        return first, None

    def overdue(self, now: float) -> Decisions:
        """Calls whose time is over wait on for a load, take what there is, or are refused."""
        decisions: Decisions = []
        reasons: dict[GroupKey, str] = {}
        positions: dict[ModelName, dict[int, int]] = {}  # as they were before the first of them went
        for waiting in self._holding.overdue(now):
            until = hold_time.until(waiting, self._loads, self._limits, now)
            if self._pulls.keeps(waiting, now):
                until = max(until, now + LOOK_AGAIN_S)
            if until > now:
                self._holding.prolong(waiting, until)
                continue
            decision = self._decide(waiting, now, last_chance=True)
            if decision is None:
                model, key = waiting.call.model, waiting.key
                if key not in reasons:  # walks over the fleet
                    reasons[key] = self._scorer.why_not(waiting, now)
                why = reasons[key]
                if model not in positions:
                    order = self._holding.ordered_of(model)
                    positions[model] = {each.turn: position for position, each in enumerate(order)}
                position = positions[model].get(waiting.turn, 0)
                over = hold_time.over(waiting, self._holding, self._loads, why, position, now)
                decision = Refused(waiting.call.id, self._pulls.too_slow(waiting.call, now) or over)
            self._holding.remove(waiting)
            self._apply(waiting, decision, now)
            decisions.append(decision)
        return decisions

    def anew(self, waiting: OpenCall, now: float) -> None:
        """What it waited for is there: from now on it waits for a place."""
        waiting.waits_since = now
        self._holding.prolong(waiting, hold_time.until(waiting, self._loads, self._limits, now))

    def _hold(self, subject: OpenCall, now: float) -> Held:
        subject.begins_to_wait(now)
        subject.until = hold_time.until(subject, self._loads, self._limits, now)
        self._holding.add(subject, now)
        return Held(subject.call.id, subject.until)
