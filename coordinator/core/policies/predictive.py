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
BEHIND = 1.5
LONG = 2_000
"""Tokens of a prompt."""
BUSY_LOOKED_AT = 32
"""Busy places of a model that are looked at, at most."""

View = Callable[..., Predicted]


class Predictive:
    """Seconds instead of points. The points are worked out all the same, to be shown."""

    name = "predictive"
    shortlist = SHORTLIST
    passes = True
    leaves_warm = True

    def __init__(self, fleet: Fleet, _weights: Weights) -> None:
        self._fleet = fleet
        self._outlook = Outlook(fleet)

    def cost(self, entry: Entry, load: NodeLoad) -> float:
        """Seconds of a usual call."""
        return self._outlook.usual_s(entry.node, entry.fixed.candidate, load)

    def beyond(self, chosen: Chosen, subject: OpenCall) -> float:
        """A usual call would take BEHIND times as long there. A long one may be worth a load on a faster machine."""
        call, model, lengths = subject.call, chosen.entry.place.model, self._fleet.lengths
        if call.estimated_tokens > LONG or lengths.expected(call, model) > BEHIND * lengths.usual(model):
            return math.inf
        return BEHIND * chosen.entry.cost

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
            node, model = entry.node, entry.place.model
            if model not in tokens:
                tokens[model] = outlook.answer_tokens(call, model)
            return outlook.of(
                node,
                entry.fixed.candidate,
                node.load,
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
            call_s = self._outlook.usual_s(entry.node, entry.fixed.candidate, entry.node.load)
        return LEFT * call_s / max(1, entry.slots) + ahead * call_s / max(1, slots)


def _rank(chosen: Chosen) -> tuple[float, int, Place]:
    entry, seconds = chosen.entry, chosen.seconds
    assert seconds is not None  # noqa: S101 - `order` has told it
    return (sum(seconds), entry.node.last_used.get(entry.pair, 0), entry.place)
