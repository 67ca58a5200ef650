"""A loaded model instead of a cold load, where caller or fleet allow it: who could answer, as the index sees it."""

from coordinator.core import substitution
from coordinator.core.choice import Choice
from coordinator.core.fleet import Fleet
from coordinator.core.index import Index
from coordinator.core.open_call import OpenCall
from coordinator.core.shelf import Chosen, Found
from shared.names import ModelName


class Substitutes:
    """Reads the fleet, changes nothing. `by_fleet`: whether it is allowed where the caller says nothing."""

    def __init__(self, fleet: Fleet, index: Index, choice: Choice, *, by_fleet: bool) -> None:
        self._fleet = fleet
        self._index = index
        self._choice = choice
        self._by_fleet = by_fleet

    def instead(self, found: Found, subject: OpenCall, model: ModelName, now: float) -> Chosen | None:
        """Where `model` would have to be loaded: a fallback of the caller's, in its order, that is in memory and has
        room; else one of the same kind. None: there is none, or it is not allowed.
        """
        if not substitution.allowed(subject.call, self._by_fleet) or not _cold(found):
            return None
        return self._best(subject, model, now)

    def _best(self, subject: OpenCall, model: ModelName, now: float) -> Chosen | None:
        call = subject.call
        for fallback in call.models[call.models.index(model) + 1 :]:
            if ready := self._ready(subject, fallback, now):
                return ready[0]
        others = substitution.same_kind(call.model, self._fleet.model_names())
        ready = [each for other in others for each in self._ready(subject, other, now)]
        uses = self._fleet.usage.uses({call.model, *others}, now)
        chosen = substitution.choose(call, map(_offer, ready), uses)
        if chosen is None:
            return None
        best = next(each for each in ready if each.entry.place == chosen.place)
        return best.with_bonus("quality_bonus", chosen.quality_bonus) if chosen.quality_bonus else best

    def _ready(self, subject: OpenCall, model: ModelName, now: float) -> list[Chosen]:
        """Healthy places with room that have it in memory, the best of each kind."""
        found = self._choice.favoured(self._index.find(subject, model, now), subject, model, now)
        ready = [each for each in found.best if each.entry.fixed.candidate.loaded]
        return [each if each.points else self._index.pointed(each, subject.call) for each in ready]


def _cold(found: Found) -> bool:
    """Some healthy place could serve it, and each would have to load it. A troubled one that has it in memory is not
    asked while a healthy one can load it: what a substitute saves is that load.
    """
    best = any(each.entry.fixed.candidate.loaded for each in found.best)
    full = any(group.kind.loaded for group in found.full)
    return not best and not full and bool(found.best or found.full)


def _offer(chosen: Chosen) -> substitution.Offer:
    fixed = chosen.entry.fixed
    return substitution.Offer(
        place=fixed.place,
        abilities=fixed.spot.abilities if fixed.spot.model.abilities else frozenset(),
        context_length=fixed.candidate.context_length,
        parameter_size=fixed.spot.model.parameter_size,
        score=chosen.total,
    )
