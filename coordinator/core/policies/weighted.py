"""Policy `weighted`: the signals' shares times their weights, summed."""

from collections.abc import Iterable, Sequence

from coordinator.core.call import Call
from coordinator.core.candidate import Candidate
from coordinator.core.fleet import Fleet
from coordinator.core.latencies import expected_s
from coordinator.core.limits import Weights
from coordinator.core.node_load import NodeLoad
from coordinator.core.open_call import OpenCall
from coordinator.core.policies.scored import Scored
from coordinator.core.shelf import Chosen, Entry, rank
from coordinator.core.signals import OF_CALL, Signal, functions
from coordinator.core.warmth import better_wait


class Weighted:
    """The index has the points; here they are only compared."""

    name = "weighted"
    by_points = True
    passes = False
    leaves_warm = False

    def __init__(self, fleet: Fleet, weights: Weights) -> None:
        self._fleet = fleet
        self._most_of_call: float = sum(abs(getattr(weights, name)) for name in OF_CALL)

    def shortlist(self, _subject: OpenCall, *, loaded: bool) -> int:  # noqa: ARG002 - nothing depends on it
        """The first has the most points."""
        return 1

    def cost(self, entry: Entry, load: NodeLoad) -> float:
        """Points, the most first."""
        return -(entry.base + load.total)

    def holds(self, _entry: Entry) -> bool:
        """Points of a place tell of its node alone."""
        return True

    def beyond(self, chosen: Chosen, _subject: OpenCall) -> float:
        """Beyond it, no points of the call could make up for what a place is behind."""
        return self._most_of_call - chosen.total

    def order(self, options: Sequence[Chosen], _subject: OpenCall, _now: float) -> list[Chosen]:
        """Among equals the one used longest ago, so that they take turns."""
        return sorted(options, key=rank)

    def better_wait(
        self, best: Chosen, busy: Iterable[Entry], _subject: OpenCall, _now: float, _ahead: int
    ) -> bool:
        """Whether a load would take longer than until a place is free."""
        candidate = best.entry.fixed.candidate
        waited_for = list(busy)
        if not waited_for:
            return False
        call_s = max(map(self._call_s, waited_for))
        load_s = self._fleet.loads.predicted_s(best.entry.place.node_id, candidate.model_bytes)
        return better_wait(sum(each.slots for each in waited_for), call_s, load_s)

    def _call_s(self, entry: Entry) -> float:
        measured = self._fleet.latencies.p75(entry.place.node_id, entry.place.model)
        if measured is not None:
            return measured
        return expected_s(entry.fixed.candidate.model_bytes, entry.fixed.candidate.bandwidth_gbps)


def order(candidates: Iterable[Candidate], call: Call, weights: Weights) -> list[Scored]:
    """Best first, by a walk over whatever is given."""
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
