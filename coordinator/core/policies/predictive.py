"""Policy `predictive`: where would the call be done soonest, counting what it costs the others there?"""

from collections.abc import Iterable, Sequence

from coordinator.core.fleet import Fleet
from coordinator.core.limits import Weights
from coordinator.core.node_load import NodeLoad
from coordinator.core.open_call import OpenCall
from coordinator.core.outlook import LEFT, Outlook
from coordinator.core.predicted import Predicted
from coordinator.core.shelf import Chosen, Entry, Found, rank

SHORTLIST = 4
WORTH = 0.9
"""A busy place is waited for where that costs less than this part of the best that is free: predictions err."""
BUSY_LOOKED_AT = 32
"""Busy places of a model that are looked at, at most."""


class Predictive:
    """Seconds instead of points. The points are worked out all the same, to be shown."""

    name = "predictive"
    shortlist = SHORTLIST
    passes = True

    def __init__(self, fleet: Fleet, _weights: Weights) -> None:
        self._fleet = fleet
        self._outlook = Outlook(fleet)

    def cost(self, entry: Entry, load: NodeLoad) -> float:
        """Seconds of a usual call."""
        return self._outlook.usual_s(entry.node, entry.fixed.candidate, load)

    def order(self, options: Sequence[Chosen], subject: OpenCall, now: float) -> list[Chosen]:
        """By the seconds of this call; among equals the one used longest ago."""
        told = [each._replace(seconds=self.predicted(each.entry, subject, now)) for each in options]
        return sorted(told, key=_rank)

    def predicted(self, entry: Entry, subject: OpenCall, now: float, wait_s: float = 0.0) -> Predicted:
        """For that call there, once it has waited so long."""
        node = entry.node
        assert node.load is not None  # noqa: S101 - the index works it out before a place is looked at
        cached = self._fleet.affinity.preferred(subject.call, now).get(entry.place)
        return self._outlook.of(
            node, entry.fixed.candidate, node.load, subject.call, now, wait_s=wait_s, cached=cached
        )

    def better_wait(
        self, _found: Found, best: Chosen, busy: Iterable[Entry], subject: OpenCall, now: float, ahead: int
    ) -> bool:
        """Whether the call would be done sooner by then, for all."""
        if best.seconds is None:
            return False
        waited_for = [each for each, _ in zip(busy, range(BUSY_LOOKED_AT), strict=False)]
        slots = sum(each.slots for each in waited_for)
        most_s = best.seconds.total * WORTH
        return any(
            self.predicted(each, subject, now, self._wait_s(each, slots, ahead)).total < most_s
            for each in waited_for
        )

    def _wait_s(self, entry: Entry, slots: int, ahead: int) -> float:
        """Until a place is free there: the first of those that run to end, and those that go before."""
        model, node_id = entry.place.model, entry.place.node_id
        call_s = self._fleet.latencies.p75(node_id, model)
        if call_s is None:
            call_s = self._outlook.usual_s(entry.node, entry.fixed.candidate, entry.node.load or _NOTHING)
        return LEFT * call_s / max(1, entry.slots) + ahead * call_s / max(1, slots)


_NOTHING = NodeLoad((), 0.0, {}, 0, 0.0)


def _rank(chosen: Chosen) -> tuple[float, tuple[float, int, object]]:
    return (chosen.seconds.total if chosen.seconds else 0.0, rank(chosen)[1:])  # type: ignore[return-value]
