"""Affinity, added to what a policy gave: where something of the call is cached, it is served sooner."""

from collections.abc import Mapping

import msgspec

from coordinator.core.affinity import Affine, points
from coordinator.core.call import Place
from coordinator.core.limits import Weights
from coordinator.core.policies.scored import Scored


def favoured(ranked: list[Scored], preferred: Mapping[Place, Affine], weights: Weights) -> list[Scored]:
    """The policy's order with the points of affinity added, where the model is in memory. Load of all models on the
    node counts, as in queue_depth.
    """
    if not preferred:
        return ranked
    result = [_with_bonus(each, preferred, weights) for each in ranked]
    result.sort(key=lambda each: -each.total)  # stable: equals stay in the policy's order
    return result


def _with_bonus(scored: Scored, preferred: Mapping[Place, Affine], weights: Weights) -> Scored:
    candidate = scored.candidate
    name = preferred.get(candidate.place)
    if name is None or not candidate.loaded:
        return scored
    bonus = points(getattr(weights, name), max(candidate.in_flight, candidate.node_in_flight))
    if not bonus:
        return scored
    total = scored.total + bonus
    seven = {key: value for key, value in scored.scores.items() if key != "total"}
    return msgspec.structs.replace(scored, scores={**seven, name: bonus, "total": total})
