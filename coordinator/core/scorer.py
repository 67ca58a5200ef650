"""Filter, score, choose: where one call goes, that it must wait, or why it never can."""

import msgspec

from coordinator.core import eligibility
from coordinator.core.call import Placed, Refused
from coordinator.core.candidate import Candidate
from coordinator.core.eligibility import Refusal
from coordinator.core.explanation import Explanation, Judged, Kept
from coordinator.core.fleet import Fleet
from coordinator.core.holding import OpenCall
from coordinator.core.limits import Limits, Weights
from coordinator.core.policies.policy import Policy
from coordinator.core.policies.scored import Scored
from shared.errors import CallerFault, FleetError, ModelNotFound, Unavailable
from shared.names import ModelName, NodeId, near

NO_NODES = (
    "no node has joined this fleet; start one on any machine of this network: herd-node"
    " (elsewhere: herd-node --router-url http://HOST:PORT, this coordinator's)"
)


class Scorer:
    """Reads the fleet, changes nothing."""

    def __init__(
        self, fleet: Fleet, limits: Limits, weights: Weights, policy: Policy, started_at: float
    ) -> None:
        """Until `started_at` plus the settling time, a model that nobody has may still turn up."""
        self._fleet = fleet
        self._limits = limits
        self._weights = weights
        self._policy = policy
        self._settled_at = started_at + limits.settle_s

    def decide(self, subject: OpenCall, now: float, *, last_chance: bool = False) -> Placed | Refused | None:
        """For each allowed model in order: 1. the best healthy place with room; 2. wait for a healthy one, unless
        this is the call's last chance; 3. a troubled one with room, or wait for it. 4. No place at all: the last
        error, a refusal, or wait (None).
        """
        decision = self._decide(subject, now, last_chance=last_chance)
        if not isinstance(decision, Placed):
            return decision
        kept = Kept(self._explanation(subject, decision, now))
        return Placed(decision.call_id, msgspec.structs.replace(decision.placement, decision=kept))

    def _decide(self, subject: OpenCall, now: float, *, last_chance: bool) -> Placed | Refused | None:
        refusals: list[Refusal] = []
        busy = False
        for model in subject.call.models:
            usable = self._usable(subject, model, now, refusals)
            healthy = [each for each in usable if not each.troubled]
            acceptable = usable if last_chance or not healthy else healthy
            with_room = [each for each in acceptable if each.has_room]
            if with_room:
                return self._place(subject, model, with_room)
            if usable and not last_chance:
                return None
            busy |= bool(usable)
        if busy:
            return None
        return self._nobody(subject, refusals, now)

    def why_not(self, subject: OpenCall, now: float) -> str:
        """The reasons of the nodes that refuse, for a person; empty: none refuses."""
        refusals: list[Refusal] = []
        for model in subject.call.models:
            self._usable(subject, model, now, refusals)
        return "; ".join(dict.fromkeys(refusal.reason for refusal in refusals))

    def explain(self, subject: OpenCall, now: float) -> Explanation:
        """The decision of this moment with every place that was weighed. Costs time: not for the path of a call."""
        return self._explanation(subject, self._decide(subject, now, last_chance=False), now)

    def _explanation(self, subject: OpenCall, decision: Placed | Refused | None, now: float) -> Explanation:
        ranked: list[Judged] = []
        refused: list[Judged] = []
        for model in subject.call.models:
            candidates = []
            for node, spot in self._fleet.having(model):
                standing = node.standing(now, self._limits)
                refusal = eligibility.refusal(node, standing, spot, subject.call)
                if node.node_id in subject.excluded:
                    refusal = Refusal(f"it has failed on {node.node_id}")
                if refusal is None:
                    candidates.append(self._fleet.candidate(node, standing, spot, model, now))
                else:
                    refused.append(_refused(node.node_id, spot.engine.name, model, refusal))
            ranked += map(_judged, self._policy.order(candidates, subject.call, self._weights))
        return Explanation(
            policy=self._policy.name,
            weights=msgspec.structs.asdict(self._weights),
            outcome="waits" if decision is None else "placed" if isinstance(decision, Placed) else "refused",
            chosen=decision.placement.place.node_id if isinstance(decision, Placed) else None,
            reason=str(decision.error) if isinstance(decision, Refused) else "",
            candidates=(*ranked, *refused),
        )

    def _usable(
        self, subject: OpenCall, model: ModelName, now: float, refusals: list[Refusal]
    ) -> list[Candidate]:
        usable = []
        for node, spot in self._fleet.having(model):
            if node.node_id in subject.excluded:
                continue
            standing = node.standing(now, self._limits)
            refusal = eligibility.refusal(node, standing, spot, subject.call)
            if refusal is None:
                usable.append(self._fleet.candidate(node, standing, spot, model, now))
            else:
                refusals.append(refusal)
        return usable

    def _place(self, subject: OpenCall, model: ModelName, candidates: list[Candidate]) -> Placed:
        best = self._policy.order(candidates, subject.call, self._weights)[0]
        placement = self._fleet.placement(
            best.candidate, best.scores, subject.retries, fallback=model != subject.call.model
        )
        return Placed(subject.call.id, placement)

    def _nobody(self, subject: OpenCall, refusals: list[Refusal], now: float) -> Refused | None:
        call = subject.call
        if subject.error is not None:
            return Refused(call.id, subject.error)
        if not refusals:
            if now < self._settled_at:
                return None
            return Refused(call.id, self._unknown_model(call.asked_name))
        if all(refusal.lasting for refusal in refusals):
            why = "; ".join(dict.fromkeys(refusal.reason for refusal in refusals))
            return Refused(call.id, CallerFault(f"{call.asked_name!r} cannot serve this call: {why}"))
        return None

    def _unknown_model(self, name: str) -> FleetError:
        if not self._fleet.nodes:
            return Unavailable(NO_NODES, retry_after=5)
        close = near(name, self._fleet.model_names())
        hint = f"; near: {', '.join(close)}" if close else ""
        return ModelNotFound(f'model "{name}" not found, try pulling it first{hint}')


def _judged(scored: Scored) -> Judged:
    candidate = scored.candidate
    return Judged(
        node_id=candidate.place.node_id,
        engine=candidate.place.engine,
        model=candidate.place.model,
        eligible=True,
        has_room=candidate.has_room,
        troubled=candidate.troubled,
        score=scored.total,
        scores_breakdown=scored.scores,
    )


def _refused(node_id: NodeId, engine: str, model: ModelName, refusal: Refusal) -> Judged:
    return Judged(node_id=node_id, engine=engine, model=model, eligible=False, refusal=refusal.reason)
