"""What a decision was made from, kept as values, so that it can be explained later and elsewhere."""

import math
from collections.abc import Mapping
from functools import partial
from operator import attrgetter

from msgspec import Struct

from coordinator.core import eligibility
from coordinator.core.call import Call, Place
from coordinator.core.candidate import Candidate
from coordinator.core.explanation import Explanation, Judged, Outcome
from coordinator.core.limits import Weights
from coordinator.core.node_load import NodeLoad
from coordinator.core.predicted import Predicted
from coordinator.core.protection import Protection, describe
from coordinator.core.shelf import Chosen, Extra, Fixed, Weighed, breakdown
from coordinator.core.signals import OF_CALL, OF_PLACE, SIGNALS, Signal, functions
from shared.names import NodeId

AFFINITIES = ("session_affinity", "prefix_affinity")


class Record(Struct, frozen=True, kw_only=True, gc=False):
    """One decision. Making it costs little; its explanation is worked out only when somebody asks. Points of affinity
    and a `quality_bonus` may stand beside the seven signals in a breakdown, and count in its total.
    """

    policy: str
    weights: Weights
    call: Call
    weighed: Weighed
    told: tuple[Chosen, ...] = ()
    """Those of them that were looked at for the call: points beside the seven, and the seconds where a policy predicts
    them.
    """
    omitted: int = 0
    """Places of a large fleet that are not among `weighed`."""
    excluded: frozenset[NodeId] = frozenset()
    """Nodes where the call has failed before."""
    passed_over: frozenset[Place] = frozenset()
    """Places that cannot be told what it says, or that lack the model after all."""
    outcome: Outcome = "placed"
    chosen: Place | None = None
    reason: str = ""
    protection: Protection | None = None
    """Of the call's context where it was placed."""

    def explanation(self) -> Explanation:
        """In full: eligible places by points, then the refusals."""
        extras = {each.entry.place: each.extra for each in self.told if each.extra}
        seconds = {each.entry.place: each.seconds.predicted for each in self.told if each.seconds}
        judged = [
            self._judged(fixed, load, extras.get(fixed.place, ()), seconds.get(fixed.place))
            for fixed, load in zip(self.weighed.places, self.weighed.loads, strict=True)
        ]
        judged.sort(key=partial(_order, predicted=self.policy == "predictive"))
        return Explanation(
            policy=self.policy,
            weights=dict(zip(_TOLD_WEIGHTS, _told_weights(self.weights), strict=True)),
            outcome=self.outcome,
            chosen=self.chosen.node_id if self.chosen else None,
            reason=self.reason,
            context=(describe(self.protection) or None) if self.protection else None,
            candidates=tuple(judged),
            omitted=self.omitted,
        )

    def _judged(self, each: Fixed, load: NodeLoad, extra: Extra, seconds: Predicted | None) -> Judged:
        place = each.place
        refusal = eligibility.unable(place.node_id, each.spot, self.call) or each.barred
        if refusal is None and (place.node_id in self.excluded or place in self.passed_over):
            refusal = eligibility.Refusal(f"it has failed on {place.node_id}")
        scores = self._scores(each, load.points, extra) if refusal is None else None
        return Judged(
            node_id=place.node_id,
            engine=place.engine,
            model=place.model,
            eligible=refusal is None,
            refusal=refusal.reason if refusal else "",
            has_room=load.running.get((place.engine, place.model), 0) < each.candidate.slots,
            troubled=refusal is None and not each.open,
            score=scores["total"] if scores else None,
            scores_breakdown=scores,
            predicted_seconds=seconds.shown() if seconds else None,
            learned=(seconds.ground() or None) if seconds else None,
        )

    def _scores(self, each: Fixed, load: tuple[float, ...], extra: Extra) -> dict[str, float]:
        candidate, of_place = each.candidate, each.points
        if self.call.num_ctx and not candidate.loaded:  # as the index does
            of_place = self._points(OF_PLACE, candidate, functions(self.weights))
        return breakdown((*of_place, *load, *self._points(OF_CALL, candidate, _PLAIN)), extra)

    def _points(
        self, names: tuple[str, ...], candidate: Candidate, known: Mapping[str, Signal]
    ) -> tuple[float, ...]:
        return tuple(
            [known[name](candidate, self.call) * getattr(self.weights, name) + 0.0 for name in names]
        )


_TOLD_WEIGHTS = (*(name for name, _ in SIGNALS), *AFFINITIES)
_told_weights = attrgetter(*_TOLD_WEIGHTS)
_PLAIN = dict(SIGNALS)
"""As they are whatever the weights: those of a call read none of them."""


def _order(each: Judged, *, predicted: bool) -> tuple[bool, bool, float, float, str]:
    """Best first: by seconds where these decide, else by points."""
    seconds = (each.predicted_seconds or {}).get("total", math.inf) if predicted else 0.0
    return (not each.eligible, each.troubled, seconds, -(each.score or 0.0), each.node_id)
