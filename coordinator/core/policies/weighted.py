"""Policy `weighted`: the signals' shares times their weights, summed."""

from collections.abc import Iterable

from coordinator.core.call import Call
from coordinator.core.candidate import Candidate
from coordinator.core.limits import Weights
from coordinator.core.policies.policy import Policy
from coordinator.core.policies.scored import Scored
from coordinator.core.signals import Signal, functions


def order(candidates: Iterable[Candidate], call: Call, weights: Weights) -> list[Scored]:
    """Best first. Among equals the one used longest ago, so that they take turns."""
    known = functions(weights)
    scored = [Scored(candidate, points(candidate, call, weights, known)) for candidate in candidates]
    scored.sort(key=lambda each: (-each.total, each.candidate.last_used, each.candidate.place))
    return scored


def points(
    candidate: Candidate, call: Call, weights: Weights, known: dict[str, Signal] | None = None
) -> dict[str, float]:
    """Signal name -> share times weight, and their `total`. `known`: the signals with those weights."""
    known = known or functions(weights)
    # Adding zero makes a plain 0 of the -0.0 that a penalty of nothing is.
    result = {name: score(candidate, call) * getattr(weights, name) + 0.0 for name, score in known.items()}
    result["total"] = sum(result.values())
    return result


WEIGHTED = Policy("weighted", order)
