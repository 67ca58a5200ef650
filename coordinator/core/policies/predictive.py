"""Policy `predictive`: where would the call be done soonest, counting what it costs the others there?"""

import math
from collections.abc import Callable, Iterable, Sequence

from coordinator.core.call import Place
from coordinator.core.fleet import Fleet
from coordinator.core.limits import Weights
from coordinator.core.node_load import NodeLoad
from coordinator.core.open_call import OpenCall
from coordinator.core.outlook import Outlook, to_read
from coordinator.core.predicted import Predicted
from coordinator.core.prospect import LEFT, Foreseen, Prospect
from coordinator.core.shelf import Chosen, Entry
from shared.names import ModelName

SHORTLIST = 3
WORTH = 0.9
"""A busy place is waited for where that costs less than this part of the best that is free: predictions err."""
ALIKE = 1.2
"""Times longer or shorter than usual that an answer is expected to be, up to which the call counts as usual."""
ALIKE_PROMPT = 2.0
"""The same of its prompt."""
BEHIND = 1.5
"""So many times the seconds of a usual call at the best place, or more: places where it would take that are not looked
at, but for calls whose answer is expected to be so many times longer, or with a prompt of LONG tokens."""
LONG = 2_000

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
        self._last_usual = False

    def shortlist(self, subject: OpenCall, *, loaded: bool) -> int:
        """For a usual call the first by `cost` is the best, if nothing need leave memory for it."""
        return 1 if loaded and self._is_usual(subject) else SHORTLIST

    def cost(self, entry: Entry, load: NodeLoad) -> float:
        """Seconds of a usual call."""
        entry.cost_by = self._prospect(entry)
        return entry.cost_by.usual_s(load)

    def holds(self, entry: Entry) -> bool:
        """How long prompts and answers are, is learned of calls to any node."""
        found = entry.prospect
        if found is None:
            return True
        if entry.cost_by is not found:
            return False
        model, lengths = entry.place.model, self._fleet.lengths
        usual = (lengths.usual_prompt(model), lengths.usual(model))
        return found.learned == found.known.learned and found.usual == usual

    def _prospect(self, entry: Entry) -> Prospect:
        """Of that place, kept there while it holds."""
        found = entry.prospect
        if found is None or found.learned != found.known.learned:
            found = entry.prospect = self._outlook.prospect(entry.node, entry.fixed.candidate)
        return found

    def beyond(self, chosen: Chosen, subject: OpenCall) -> float:
        """Where a usual call would take so many times as long. A long one may be worth a load on a faster machine."""
        if self._is_usual(subject):
            return ALIKE * chosen.entry.cost
        call, lengths = subject.call, self._fleet.lengths
        longer = lengths.expected(call, call.model) / lengths.usual(call.model)
        is_long = call.estimated_tokens > LONG or longer > BEHIND
        return math.inf if is_long else BEHIND * chosen.entry.cost

    def _is_usual(self, subject: OpenCall) -> bool:
        """Whether places stand to each other for it as they do for a usual call."""
        if self._last is not subject:
            call, lengths = subject.call, self._fleet.lengths
            prompt = _alike(call.estimated_tokens, lengths.usual_prompt(call.model), ALIKE_PROMPT)
            expected, usual = lengths.expected(call, call.model), lengths.usual(call.model)
            answer = expected == usual or _alike(expected, usual, ALIKE)
            self._last, self._last_usual = subject, prompt and answer
        return self._last_usual

    def order(self, options: Sequence[Chosen], subject: OpenCall, now: float) -> list[Chosen]:
        """By the seconds of this call; among equals the one used longest ago. But on a guess no second copy is loaded:
        where the model is in memory, and no call has ended there, that place goes before those that would load it. So
        any number of calls for a cold model make one load.
        """
        if len(options) == 1 and _is_loaded(options[0]):
            return [self._foreseen(options[0], subject, now)]
        return self._ranked(options, subject, now)

    def _ranked(self, options: Sequence[Chosen], subject: OpenCall, now: float) -> list[Chosen]:
        view = self._view(subject, now)
        told = [Chosen(each.entry, each.points, each.total, each.extra, view(each.entry)) for each in options]
        if len(told) > 1:
            told.sort(key=_rank)
            if not _is_loaded(told[0]) and any(
                _is_loaded(each) and not self._call_s(each.entry) for each in told
            ):
                told.sort(key=_is_loaded, reverse=True)
        return told

    def _foreseen(self, only: Chosen, subject: OpenCall, now: float) -> Chosen:
        call, entry = subject.call, only.entry
        cached = self._fleet.affinity.preferred(call, now)
        tokens = to_read(call, cached.get(entry.place)) if cached else float(call.estimated_tokens)
        answer_tokens = self._outlook.answer_tokens(call, entry.place.model)
        seconds = Foreseen(self._prospect(entry), entry.node.load, tokens, answer_tokens)
        return Chosen(entry, only.points, only.total, only.extra, seconds)

    def _view(self, subject: OpenCall, now: float) -> View:
        """The seconds of that call at a place, once it has waited so long."""
        call, outlook = subject.call, self._outlook
        cached = self._fleet.affinity.preferred(call, now)
        tokens: dict[ModelName, float] = {}

        def predicted(entry: Entry, wait_s: float = 0.0) -> Predicted:
            node, candidate, model = entry.node, entry.fixed.candidate, entry.place.model
            if model not in tokens:
                tokens[model] = outlook.answer_tokens(call, model)
            return outlook.of(
                node,
                candidate,
                self._prospect(entry),
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
        """Whether the call would be done sooner by then, for all; or a load would be on a guess: see `order`."""
        assert best.seconds is not None  # noqa: S101 - `order` has told it
        waited_for = list(busy)
        if not waited_for:
            return False
        if not _is_loaded(best) and not any(map(self._call_s, waited_for)):
            return True
        view = self._view(subject, now)
        slots = sum(each.slots for each in waited_for)
        most_s = best.seconds.total * WORTH
        return any(view(each, self._wait_s(each, slots, ahead)).total < most_s for each in waited_for)

    def _wait_s(self, entry: Entry, slots: int, ahead: int) -> float:
        """Until a place is free there: the first of those that run to end, and those that go before."""
        call_s = self._call_s(entry) or self._prospect(entry).usual_s(entry.node.load)
        return LEFT * call_s / max(1, entry.slots) + ahead * call_s / max(1, slots)

    def _call_s(self, entry: Entry) -> float | None:
        """Of those that ended there; None: none has, since it had the model in memory."""
        return self._fleet.latencies.p75(entry.place.node_id, entry.place.model)


def _is_loaded(chosen: Chosen) -> bool:
    return chosen.entry.fixed.candidate.loaded


def _rank(chosen: Chosen) -> tuple[float, int, Place]:
    entry, seconds = chosen.entry, chosen.seconds
    assert seconds is not None  # noqa: S101 - `order` has told it
    return (seconds.total, entry.node.last_used.get(entry.pair, 0), entry.place)


def _alike(one: float, other: float, times: float) -> bool:
    return one <= other * times and other <= one * times
