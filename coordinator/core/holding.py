"""Calls that wait, bound to no node: who is next, who has waited long enough, whether there is room for more."""

from collections.abc import Iterable

from coordinator.core.admission import Bound, Tally, displaced, one, tokens
from coordinator.core.alarms import Alarms
from coordinator.core.call import Call, Refused
from coordinator.core.drain_rate import DrainRate
from coordinator.core.limits import Limits
from coordinator.core.open_call import GroupKey, OpenCall
from coordinator.core.shares import Shares
from coordinator.core.substitution import allowed
from coordinator.core.turns import Line, Round, in_order
from shared.errors import QueueFull
from shared.names import ModelName

__all__ = ["Holding", "OpenCall"]


class Holding:
    """Lines of calls that can take the same places. Ageing needs no timer: it is caught up with before each round."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._lines: dict[GroupKey, Line] = {}
        self._by_model: dict[ModelName, set[GroupKey]] = {}
        """By every model that the calls of a line allow."""
        self._by_any: set[GroupKey] = set()
        """Lines whose calls another model of the same kind may answer."""
        self._all = Tally()
        self._tallies: dict[ModelName, Tally] = {}
        """By the model asked for."""
        self._since: dict[ModelName, float] = {}
        """From when on there is always a call that waits for that model."""
        self._shares = Shares()
        self._rate = DrainRate()
        self._ends: Alarms[OpenCall] = Alarms()
        self._rises: Alarms[OpenCall] = Alarms()

    def __len__(self) -> int:
        return self._all.calls

    # Coming and going

    def add(self, waiting: OpenCall, now: float) -> None:
        """It waits, to be looked at again at its `until`."""
        waiting.ages(now, self._limits.ageing_s)
        key = waiting.key
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = Line()
            for model in key[0]:
                self._by_model.setdefault(model, set()).add(key)
            if allowed(waiting.call, self._limits.substitute):
                self._by_any.add(key)
        line.add(waiting)
        self._all.add(waiting)
        self._tallies.setdefault(waiting.call.model, Tally()).add(waiting)
        self._since.setdefault(waiting.call.model, now)
        self._ends.set(waiting.until, waiting)
        if waiting.level:
            self._rises.set(waiting.rises_at, waiting)

    def remove(self, waiting: OpenCall) -> None:
        """It was placed, refused or cancelled."""
        key, model = waiting.key, waiting.call.model
        line = self._lines[key]
        line.remove(waiting)
        self._ends.drop(waiting)
        self._rises.drop(waiting)
        self._all.add(waiting, -1)
        self._tallies[model].add(waiting, -1)
        if not self._tallies[model].calls:
            del self._tallies[model], self._since[model]
        if not line:
            del self._lines[key]
            self._by_any.discard(key)
            for each in set(key[0]):
                self._by_model[each].discard(key)
                if not self._by_model[each]:
                    del self._by_model[each]

    def prolong(self, waiting: OpenCall, until: float) -> None:
        """It may wait until then."""
        waiting.until = until
        self._ends.set(until, waiting)

    def placed(self, subject: OpenCall) -> None:
        """It has a place, whether it waited for it or not."""
        if (place := subject.place) is not None:
            self._shares.placed(subject.call.client, place.model, subject.lender)

    def ended(self, subject: OpenCall, now: float) -> None:
        """It left its place: how fast that happens is how fast the queue moves."""
        if subject.place is not None:
            self._shares.ended(subject.call.client, subject.place.model, subject.lender)
            subject.lender = None
            self._rate.ended(subject.place.model, now)

    # Turns

    def ahead(self, key: GroupKey) -> int:
        """How many stand in the line in which a call with this key would have to."""
        line = self._lines.get(key)
        return len(line) if line else 0

    def round(self, now: float, models: Iterable[ModelName] | None = None) -> Round:
        """Whose turn it is, among the calls that could be served by one of `models` (None: all)."""
        for each in self._rises.due(now):
            each.ages(now, self._limits.ageing_s)
            if each.level:
                self._rises.set(each.rises_at, each)
        if models is None:
            return Round(self._lines, self._shares)
        keys = {key for model in models for key in self._by_model.get(model, ())} | self._by_any
        return Round({key: self._lines[key] for key in keys}, self._shares)

    def overdue(self, now: float) -> list[OpenCall]:
        """Calls whose `until` has come: each is to be prolonged or removed."""
        return self._ends.due(now)

    # Room

    def make_way(self, newcomer: OpenCall, now: float) -> list[tuple[OpenCall, Refused]]:
        """Who has to go so that it may wait, taken out; the newcomer itself where there is no room for it."""
        if not self.is_full(newcomer):
            return []
        gone: list[OpenCall] = []
        for bound in self._bounds(newcomer.call):
            further = displaced(newcomer, bound, gone)
            gone = [newcomer] if newcomer in further else gone + further
            if newcomer in gone:
                break
        refused = [(each, Refused(each.call.id, self._full(each, newcomer, now))) for each in gone]
        for each in gone:
            if each is not newcomer:
                self.remove(each)
        return refused

    def _full(self, victim: OpenCall, newcomer: OpenCall, now: float) -> QueueFull:
        bounds = self._bounds(newcomer.call)
        over = next((each for each in bounds if each.total + each.size(newcomer) > each.limit), bounds[-1])
        why = over.reason if victim is newcomer else f"{over.reason}, most of them yours"
        model = None if over is bounds[-1] else newcomer.call.model
        return QueueFull(why, retry_after=self.retry_after(now, model))

    def is_full(self, call: OpenCall) -> bool:
        """Whether it could not wait without another's going."""
        tally, limits = self._tallies.get(call.call.model) or Tally(), self._limits
        return (
            len(self) >= limits.held_calls
            or tally.calls >= limits.held_calls_per_model
            or tally.tokens + call.call.estimated_tokens > limits.held_tokens
        )

    def _bounds(self, call: Call) -> tuple[Bound, ...]:
        """Those of the model first: whoever goes for them counts for the last as well."""
        limits, tally = self._limits, self._tallies.get(call.model) or Tally()
        own = tuple(line for key, line in self._lines.items() if key[0][0] == call.model)
        every, name = self._all, call.asked_name
        waiting = f"{every.calls} calls are waiting already"
        of_model = f"{tally.calls} calls for {name!r} are waiting already"
        held = f"calls for {name!r} of about {tally.tokens} tokens are waiting already"
        if call.estimated_tokens > limits.held_tokens:
            held = f"the prompt of about {call.estimated_tokens} tokens is more than may wait for {name!r} at once"
        return (
            Bound(tally.calls, limits.held_calls_per_model, tally.calls_of, one, own, of_model),
            Bound(tally.tokens, limits.held_tokens, tally.tokens_of, tokens, own, held),
            Bound(every.calls, limits.held_calls, every.calls_of, one, tuple(self._lines.values()), waiting),
        )

    # To be read

    def ordered_of(self, model: ModelName) -> list[OpenCall]:
        """Those that asked for it, in the order in which they would go, were nobody to come or end."""
        keys = [key for key in self._by_model.get(model, ()) if key[0][0] == model]
        return in_order(model, [each for key in keys for each in self._lines[key]], self._shares)

    def counts(self) -> dict[ModelName, int]:
        """Waiting calls by the model they asked for."""
        return {model: tally.calls for model, tally in self._tallies.items()}

    def expected_s(self, position: int, model: ModelName, now: float) -> float | None:
        """How long the call at that position will still wait; None: nothing is known of its model."""
        return self._rate.seconds(position + 1, model, now, self._since.get(model, now))

    def retry_after(self, now: float, model: ModelName | None = None) -> int:
        """Whole seconds after which those that wait now (for `model`; None: for any) will have gone."""
        count = len(self) if model is None else self.counts().get(model, 0)
        since = min(self._since.values(), default=now) if model is None else self._since.get(model, now)
        return self._rate.retry_after(count, model, now, since)
