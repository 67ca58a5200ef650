"""A policy that knows what nobody can: how fast machines truly are, how long each answer will be, and what comes next.

It takes one call at a time, so something still wiser may exist; but whoever comes near it has little left to learn.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from coordinator.core.call import Call
from coordinator.core.candidate import Candidate
from coordinator.core.fleet import Fleet
from coordinator.core.limits import Weights
from coordinator.core.node import Node
from coordinator.core.open_call import OpenCall
from coordinator.core.outlook import Outlook
from coordinator.core.paces import Pace
from coordinator.core.policies.predictive import SHORTLIST, Predictive
from coordinator.core.predicted import Predicted
from coordinator.core.shelf import Chosen
from coordinator.simulate.truth import Truth
from coordinator.simulate.workloads.jobs import Job
from coordinator.simulate.world import World
from shared.names import CallId, ModelName, NodeId, normalise

FORESEEN_S = 60.0
"""So far it sees what will be asked for."""
MOST_FORESEEN = 32
"""Calls, at most."""
SHARED = 0.5
"""Of the time for which a call runs beside another on the same machine, what the later one loses."""


class Coming(Struct, frozen=True):
    """A call that is to arrive."""

    at: float
    model: ModelName
    prompt: int
    answer: int


Wanted = tuple[Coming, tuple[NodeId, float]]
"""A call that is to arrive, where it would be soonest done, and how much later at the next best."""


class Sight(Struct, frozen=True):
    """What it sees."""

    truths: dict[NodeId, Truth]
    answers: dict[CallId, int]
    coming: list[Coming]
    """By arrival; calls that follow the end of another are not among them."""
    arrivals: list[float]

    def next(self, now: float) -> list[Coming]:
        """Those of the next minute."""
        first = bisect_right(self.arrivals, now)
        soon = islice(self.coming, first, first + MOST_FORESEEN)
        return [each for each in soon if each.at <= now + FORESEEN_S]


def sight(there: World, jobs: Sequence[Job]) -> Sight:
    """Of a world and what is asked for in it."""
    coming = sorted(
        (Coming(job.at, normalise(job.model), job.prompt, job.answer) for job in jobs if job.follows is None),
        key=lambda each: each.at,
    )
    return Sight(
        {NodeId(each.name): each.truth for each in there.inhabitants},
        {CallId(f"c{number}"): job.answer for number, job in enumerate(jobs)},
        coming,
        [each.at for each in coming],
    )


class TrueOutlook(Outlook):
    """With the truth where `Outlook` has what was learned."""

    def __init__(self, fleet: Fleet, seen: Sight) -> None:
        super().__init__(fleet)
        self._seen = seen

    def answer_tokens(self, call: Call, _model: ModelName) -> float:
        """It is known."""
        return float(self._seen.answers[call.id])

    def _paces(self, node: Node, candidate: Candidate) -> Pace:
        truth, size = self._seen.truths[node.node_id], candidate.model_bytes
        crowding = super()._paces(node, candidate).crowding
        return Pace(1 / truth.prompt_tokens_per_s(size), 1 / truth.tokens_per_s(size), crowding)

    def _loading_s(self, node: Node, model_bytes: int) -> float:
        return self._seen.truths[node.node_id].load_s(model_bytes)


class Informed(Predictive):
    """`predictive` with the truth."""

    name = "informed"

    def __init__(self, fleet: Fleet, weights: Weights, seen: Sight) -> None:
        super().__init__(fleet, weights)
        self._outlook = TrueOutlook(fleet, seen)
        self._seen = seen

    def shortlist(self, _subject: OpenCall, *, loaded: bool) -> int:  # noqa: ARG002 - nothing depends on it
        """Whoever knows all has all the time, too."""
        return SHORTLIST


class Clairvoyant(Informed):
    """Also with the calls that it would stand in the way of."""

    name = "clairvoyant"

    def __init__(self, fleet: Fleet, weights: Weights, seen: Sight) -> None:
        super().__init__(fleet, weights, seen)
        self._wanted_at = -1.0
        self._soon: Sequence[Wanted] = ()

    def order(self, options: Sequence[Chosen], subject: OpenCall, now: float) -> list[Chosen]:
        """As `predictive`, with what the next minute would lose."""
        found = super().order(options, subject, now)
        wanted = self._wanted(now) if len(found) > 1 else []
        if not wanted:
            return found
        told = [replace(each, seconds=self._with_loss(each, wanted, now)) for each in found]
        return sorted(told, key=lambda each: each.seconds.total if each.seconds else 0.0)

    def _wanted(self, now: float) -> Sequence[Wanted]:
        """What is coming, and where it would best go: worked out once for all who wait at that moment."""
        if now != self._wanted_at:
            self._wanted_at, self._soon = now, [(each, self._best(each)) for each in self._seen.next(now)]
        return self._soon

    def _with_loss(self, option: Chosen, wanted: Sequence[Wanted], now: float) -> Predicted:
        seconds = option.seconds
        assert isinstance(seconds, Predicted)  # noqa: S101 - of several places it is told at once
        ends = now + seconds.total - seconds.harm
        here = option.entry.place.node_id
        lost = sum(
            min(regret, SHARED * (ends - each.at))
            for each, (node_id, regret) in wanted
            if node_id == here and each.at < ends
        )
        return replace(seconds, harm=seconds.harm + lost)

    def _best(self, coming: Coming) -> tuple[NodeId, float]:
        """Where a call would be soonest done, were all idle, and how much later at the next best."""
        times = sorted(
            (self._idle_s(coming, node, spot.model.size_bytes, loaded=bool(spot.replicas)), node.node_id)
            for node, spot in self._fleet.having(coming.model)
        )
        if len(times) < 2:
            return (times[0][1] if times else NodeId(""), FORESEEN_S)
        return times[0][1], times[1][0] - times[0][0]

    def _idle_s(self, coming: Coming, node: Node, size: int, *, loaded: bool) -> float:
        truth = self._seen.truths[node.node_id]
        return sum(truth.alone_s(size, coming.prompt, coming.answer)) + (
            0.0 if loaded else truth.load_s(size)
        )
