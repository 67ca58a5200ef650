"""What a decision was made from, kept as values, so that it can be explained later and elsewhere."""

from msgspec import Struct

from coordinator.core import eligibility
from coordinator.core.call import Call, Place
from coordinator.core.explanation import Explanation, Judged, Outcome
from coordinator.core.limits import Weights
from coordinator.core.shelf import NAMES, Weighed
from coordinator.core.signals import OF_CALL, SIGNALS
from shared.names import NodeId

_OF_CALL = [(name, function) for name, function in SIGNALS if name in OF_CALL]


class Record(Struct, frozen=True, kw_only=True):
    """One decision. Making it costs little; its explanation is worked out only when somebody asks."""

    policy: str
    weights: Weights
    call: Call
    weighed: tuple[Weighed, ...]
    omitted: int = 0
    """Places of a large fleet that are not among `weighed`."""
    excluded: frozenset[NodeId] = frozenset()
    """Nodes where the call has failed before."""
    outcome: Outcome = "placed"
    chosen: Place | None = None
    reason: str = ""

    def explanation(self) -> Explanation:
        """In full: eligible places by points, then the refusals."""
        judged = [self._judged(each) for each in self.weighed]
        judged.sort(key=lambda each: (not each.eligible, each.troubled, -(each.score or 0.0), each.node_id))
        return Explanation(
            policy=self.policy,
            weights={name: getattr(self.weights, name) for name, _ in SIGNALS},
            outcome=self.outcome,
            chosen=self.chosen.node_id if self.chosen else None,
            reason=self.reason,
            candidates=tuple(judged),
            omitted=self.omitted,
        )

    def _judged(self, each: Weighed) -> Judged:
        place = each.place
        refusal = eligibility.unable(place.node_id, each.spot, self.call) or each.barred
        if refusal is None and place.node_id in self.excluded:
            refusal = eligibility.Refusal(f"it has failed on {place.node_id}")
        scores = self._scores(each) if refusal is None else None
        return Judged(
            node_id=place.node_id,
            engine=place.engine,
            model=place.model,
            eligible=refusal is None,
            refusal=refusal.reason if refusal else "",
            has_room=each.has_room,
            troubled=refusal is None and not each.open,
            score=scores["total"] if scores else None,
            scores_breakdown=scores,
        )

    def _scores(self, each: Weighed) -> dict[str, float]:
        of_call = [fn(each.candidate, self.call) * getattr(self.weights, name) + 0.0 for name, fn in _OF_CALL]
        by_name = dict(zip(NAMES, (*each.of_place, *each.of_load, *of_call), strict=True))
        scores = {name: by_name[name] for name, _ in SIGNALS}
        scores["total"] = sum(scores.values())
        return scores
