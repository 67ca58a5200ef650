"""Filter, score, choose: where one call goes, that it must wait, or why it never can."""

from collections.abc import Iterable, Iterator

from coordinator.core import context, eligibility, retry
from coordinator.core.call import Call, Place, Placed, Placement, Refused
from coordinator.core.candidate import Candidate
from coordinator.core.choice import Choice
from coordinator.core.eligibility import Refusal
from coordinator.core.explanation import Explanation, Outcome
from coordinator.core.fleet import Fleet
from coordinator.core.index import Index
from coordinator.core.limits import Limits, Weights
from coordinator.core.open_call import OpenCall
from coordinator.core.policies.policy import MakePolicy
from coordinator.core.policies.predictive import Predictive
from coordinator.core.protection import Protection
from coordinator.core.record import Record
from coordinator.core.shelf import KEPT_AWAY, TROUBLED, Chosen, Entry, Found, Weighed
from coordinator.core.substitutes import Substitutes
from shared.errors import CallerFault, FleetError, ModelNotFound, Unavailable
from shared.names import ModelName, near

NO_NODES = (
    "no node has joined this fleet; start one on any machine of this network: herd-node"
    " (elsewhere: herd-node --router-url http://HOST:PORT, this coordinator's)"
)
RECORDED = 32
"""Places up to which each decision keeps all that were weighed; beyond, the best of each kind."""


class Scorer:
    """Reads the fleet, changes nothing."""

    def __init__(
        self,
        fleet: Fleet,
        limits: Limits,
        weights: Weights,
        policy: MakePolicy,
        started_at: float,
    ) -> None:
        """Until `started_at` plus the settling time, a model that nobody has may still turn up."""
        self._fleet = fleet
        self._limits = limits
        self._weights = weights
        self.policy = policy(fleet, weights)
        self._index = Index(fleet, limits, weights, self.policy)
        self._choice = Choice(fleet, self._index, limits, weights, self.policy)
        self._substitutes = Substitutes(fleet, self._index, self._choice, by_fleet=limits.substitute)
        self._settled_at = started_at + limits.settle_s

    def settle(self, now: float) -> None:
        """Takes in what has changed in the fleet, so that the next decision need not."""
        self._index.settle(now)

    def decide(
        self, subject: OpenCall, now: float, *, last_chance: bool = False, ahead: int = 0
    ) -> Placed | Refused | None:
        """For each allowed model in order: 1. the best healthy place with room; 2. wait for a healthy one, at the
        call's last chance look at its next fallback; 3. a troubled one with room, or wait for it. 4. No place at all:
        the last error, a refusal, or wait (None).
        """
        self._index.settle(now)
        busy = False
        for model in subject.call.models:
            found = self._choice.favoured(self._index.find(subject, model, now), subject, model, now)
            full = bool(found.full)
            if not last_chance or found.best:
                found = self._choice.tiered(found if not last_chance else found.only_with_room(), subject)
            chosen = self._substitutes.instead(found, subject, model, now)
            if chosen is None:
                chosen = self._choice.among(found, subject, model, now, last_chance=last_chance, ahead=ahead)
            if chosen is not None:
                return self._place(subject, chosen, found)
            if (found.best or found.full) and not last_chance:
                return None
            if found.best:
                busy = True  # it is being loaded: perhaps a fallback
                continue
            left = self._left(subject, model, now, full=full)
            if best := self._choice.tiered(left if not last_chance else left.only_with_room(), subject).best:
                return self._place(subject, best[0], left)
            if left.full and not last_chance:
                return None
            busy |= full or bool(left.full)
        if busy:
            return None
        return self._nobody(subject, now)

    def _left(self, subject: OpenCall, model: ModelName, now: float, *, full: bool) -> Found:
        """Where no healthy place has room: the troubled ones; those that circuits keep calls away from, where these are
        all, and no healthy one is `full`.
        """
        left = self._index.find(subject, model, now, TROUBLED)
        if left.best or left.full or full:
            return left
        return self._index.find(subject, model, now, KEPT_AWAY)

    def elsewhere(self, running: OpenCall, now: float) -> bool:
        """Whether another node may serve a call that runs, with room or not."""
        here = running.place.node_id if running.place is not None else None
        for model in running.call.models:
            usable = [place for place, refusal in self._judged(running, model, now) if refusal is None]
            if any(place.node_id != here for place in self._not_barred(usable, now)):
                return True
        return False

    def why_not(self, subject: OpenCall, now: float) -> str:
        """The reasons of the nodes that refuse, for a person; empty: none refuses."""
        reasons: list[str] = []
        for model in subject.call.models:
            judged = list(self._judged(subject, model, now))
            usable = [place for place, refusal in judged if refusal is None]
            kept_away = set(usable).difference(self._not_barred(usable, now))
            reasons += [refusal.reason for _, refusal in judged if refusal is not None]
            reasons += [self._fleet.circuits.reason(place, now) for place in usable if place in kept_away]
        return "; ".join(dict.fromkeys(reasons))

    def explain(self, subject: OpenCall, now: float) -> Explanation:
        """The decision of this moment with every place that was weighed. Costs time: not for the path of a call."""
        decision = self.decide(subject, now)
        models = dict.fromkeys(subject.call.models)
        if isinstance(decision, Placed):
            models[decision.placement.place.model] = None  # it may be a substitute
        entries: list[Entry] = []
        best: list[Chosen] = []
        for model in models:
            self._index.look_anew(model, now)
            entries += self._index.entries(model)
            best += self._choice.favoured(self._index.find(subject, model, now), subject, model, now).best
        best += self._foreseen([each for each in entries if each.fixed.open], subject, now)
        return self._record(
            subject,
            sum((self._index.weighed(model) for model in models), Weighed((), ())),
            best=best,
            outcome="waits" if decision is None else "placed" if isinstance(decision, Placed) else "refused",
            chosen=decision.placement.place if isinstance(decision, Placed) else None,
            protection=decision.placement.protection if isinstance(decision, Placed) else None,
            reason=str(decision.error) if isinstance(decision, Refused) else "",
        ).explanation()

    def _foreseen(self, entries: list[Entry], subject: OpenCall, now: float) -> list[Chosen]:
        """What each would take, whatever policy decides."""
        options = [self._index.chosen(each, subject.call) for each in entries]
        return Predictive(self._fleet, self._weights).order(options, subject, now)

    def _record(
        self,
        subject: OpenCall,
        weighed: Weighed,
        *,
        best: Iterable[Chosen],
        chosen: Place | None,
        protection: Protection | None = None,
        outcome: Outcome = "placed",
        reason: str = "",
        omitted: int = 0,
    ) -> Record:
        return Record(
            policy=self.policy.name,
            weights=self._weights,
            call=subject.call,
            weighed=weighed,
            told=tuple(best),
            omitted=omitted,
            excluded=subject.excluded,
            passed_over=subject.passed_over,
            outcome=outcome,
            chosen=chosen,
            reason=reason,
            protection=protection,
        )

    def _judged(
        self, subject: OpenCall, model: ModelName, now: float
    ) -> Iterator[tuple[Place, Refusal | None]]:
        """What each place that it may try says to it; walks over the fleet."""
        for node, spot in self._fleet.having(model):
            place = Place(node.node_id, spot.engine.name, model)
            if subject.may_try(place):
                standing = node.standing(now, self._limits)
                yield place, eligibility.refusal(node, standing, spot, subject.call)

    def _not_barred(self, usable: list[Place], now: float) -> list[Place]:
        """Those that no circuit keeps calls away from; where it is all of them, all."""
        return [each for each in usable if not self._fleet.circuits.bars(each, now)] or usable

    def _place(self, subject: OpenCall, chosen: Chosen, found: Found) -> Placed:
        if not chosen.points:
            chosen = self._index.pointed(chosen, subject.call)
        entry = chosen.entry
        weighed, omitted = self._index.weighed_with(entry, found, RECORDED)
        fallback = entry.place.model != subject.call.model
        if fallback and not omitted:
            weighed += self._index.weighed(subject.call.model)
        protection = self.protection(entry.fixed.candidate, subject.call)
        record = self._record(
            subject,
            weighed,
            best=(*found.best, chosen),
            chosen=entry.place,
            protection=protection,
            omitted=omitted,
        )
        engine = entry.fixed.spot.engine
        placement = Placement(
            place=entry.place,
            target=entry.node.target(engine.name),
            engine_kind=engine.kind,
            engine_model=entry.fixed.candidate.engine_model,
            dialects=engine.dialects,
            context_length=entry.fixed.candidate.context_length,
            scores=chosen.breakdown(),
            retries=subject.retries,
            fallback=fallback,
            decision=record,
            protection=protection,
        )
        return Placed(subject.call.id, placement)

    def protection(self, candidate: Candidate, call: Call) -> Protection:
        """What that call would be sent with there."""
        mode, override = self._limits.context_protection, self._fleet.overrides.get(candidate.place.model)
        return context.on(candidate, call, mode, override)

    def _nobody(self, subject: OpenCall, now: float) -> Refused | None:
        call = subject.call
        refusals: list[Refusal] = []
        lasting = True
        for model in call.models:
            for _, refusal in self._judged(subject, model, now):
                if refusal is not None:
                    refusals.append(refusal)
                    lasting &= refusal.lasting
                if not lasting:
                    break
        # An engine that only lacked something is no reason to give up one that cannot be asked just now.
        waits = not lasting and subject.error is not None and retry.only_this_place(subject.error)
        if subject.error is not None and not waits:
            return Refused(call.id, subject.error)
        if not refusals:
            if now < self._settled_at:
                return None
            return Refused(call.id, self._unknown_model(call.asked_name))
        if lasting:
            if contexts := [refusal.context for refusal in refusals if refusal.context]:
                return Refused(call.id, context.exceeded(call, contexts))
            why = "; ".join(dict.fromkeys(refusal.reason for refusal in refusals))
            return Refused(call.id, CallerFault(f"{call.asked_name!r} cannot serve this call: {why}"))
        return None

    def _unknown_model(self, name: str) -> FleetError:
        if not self._fleet.nodes:
            return Unavailable(NO_NODES, retry_after=5)
        close = near(name, self._fleet.model_names())
        hint = f"; near: {', '.join(close)}" if close else ""
        return ModelNotFound(f'model "{name}" not found, try pulling it first', hint=hint)
