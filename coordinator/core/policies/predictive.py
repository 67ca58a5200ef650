"""Policy `predictive`: where would the call be done soonest, counting what it costs the others there?"""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from coordinator.core.call import Place
from coordinator.core.fleet import Fleet
from coordinator.core.limits import Weights
from coordinator.core.node_load import NodeLoad
from coordinator.core.open_call import OpenCall
from coordinator.core.outlook import LEFT, Outlook
from coordinator.core.predicted import Predicted
from coordinator.core.shelf import Chosen, Entry
from shared.names import ModelName

SHORTLIST = 3
WORTH = 0.9
"""A busy place is waited for where that costs less than this part of the best that is free: predictions err."""
USUAL = 1.2
"""Times as long as a usual call, up to which a call counts as one."""
BEHIND = 1.5
"""Times as long, up to which no place is worth looking at where a usual call would take as many times as long as at the
best."""
LONG = 2_000
"""Tokens of a prompt that make a call so long."""
BUSY_LOOKED_AT = 32
"""Busy places of a model that are looked at, at most."""

View = Callable[..., Predicted]


class Predictive:
    """Seconds instead of points. The points are worked out all the same, to be shown."""

    name = "predictive"
    by_points = False
    passes = True
    leaves_warm = True

    def __init__(self, fleet: Fleet, _weights: Weights) -> None:
        self._fleet = fleet
        self._outlook = Outlook(fleet)
        self._last: OpenCall | None = None
        """Which was asked about last."""
        self._last_longer = 0.0

    def shortlist(self, subject: OpenCall) -> int:
        """For a usual call the first by `cost` is the best."""
        return 1 if self._longer(subject) <= USUAL else SHORTLIST

    def cost(self, entry: Entry, load: NodeLoad) -> float:
        """Seconds of a usual call."""
        entry.prospect = prospect = self._outlook.prospect(entry.node, entry.fixed.candidate, load)
        return prospect.usual_s

    def beyond(self, chosen: Chosen, subject: OpenCall) -> float:
        """Where a usual call would take so many times as long. A long one may be worth a load on a faster machine."""
        longer = self._longer(subject)
        if longer > BEHIND:
            return math.inf
        return chosen.entry.cost * (USUAL if longer <= USUAL else BEHIND)

    def _longer(self, subject: OpenCall) -> float:
        """Than a usual one, by what is known of it: how many times."""
        if self._last is not subject:
            call, lengths = subject.call, self._fleet.lengths
            answer = lengths.expected(call, call.model) / lengths.usual(call.model)
            self._last, self._last_longer = subject, max(call.estimated_tokens / LONG * BEHIND, answer)
        return self._last_longer

    def order(self, options: Sequence[Chosen], subject: OpenCall, now: float) -> list[Chosen]:
        """By the seconds of this call; among equals the one used longest ago."""
        view = self._view(subject, now)
        told = [Chosen(each.entry, each.points, each.total, each.extra, view(each.entry)) for each in options]
        if len(told) > 1:
            told.sort(key=_rank)
        return told

    def _view(self, subject: OpenCall, now: float) -> View:
        """The seconds of that call at a place, once it has waited so long."""
        call, outlook = subject.call, self._outlook
        cached = self._fleet.affinity.preferred(call, now)
        tokens: dict[ModelName, float] = {}

        def predicted(entry: Entry, wait_s: float = 0.0) -> Predicted:
            node, candidate, model = entry.node, entry.fixed.candidate, entry.place.model
            if model not in tokens:
                tokens[model] = outlook.answer_tokens(call, model)
            prospect = entry.prospect
            if wait_s or prospect is None or prospect.load is not node.load:
                prospect = outlook.prospect(node, candidate, node.load, instead_of_one=wait_s > 0)
            return outlook.of(
                node,
                candidate,
                prospect,
                call,
                now,
                answer_tokens=tokens[model],
                wait_s=wait_s,
                cached=cached.get(entry.place) if cached else None,
            )

        return predicted

    def better_wait(
        self, best: Chosen, busy: Iterable[Entry], subject: OpenCall, now: float, ahead: int
    ) -> bool:
        """Whether the call would be done sooner by then, for all."""
        assert best.seconds is not None  # noqa: S101 - `order` has told it
        waited_for = list(islice(busy, BUSY_LOOKED_AT))
        if not waited_for:
            return False
        view = self._view(subject, now)
        slots = sum(each.slots for each in waited_for)
        most_s = best.seconds.total * WORTH
        return any(view(each, self._wait_s(each, slots, ahead)).total < most_s for each in waited_for)

    def _wait_s(self, entry: Entry, slots: int, ahead: int) -> float:
        """Until a place is free there: the first of those that run to end, and those that go before."""
        model, node_id = entry.place.model, entry.place.node_id
        call_s = self._fleet.latencies.p75(node_id, model)
        if call_s is None:
            call_s = self._outlook.prospect(entry.node, entry.fixed.candidate, entry.node.load).usual_s
        return LEFT * call_s / max(1, entry.slots) + ahead * call_s / max(1, slots)


def _rank(chosen: Chosen) -> tuple[float, int, Place]:
    entry, seconds = chosen.entry, chosen.seconds
    assert seconds is not None  # noqa: S101 - `order` has told it
    return (seconds.total, entry.node.last_used.get(entry.pair, 0), entry.place)
