"""Among the best places of each kind: which one a call takes, or that it had better wait for another."""

from collections.abc import Iterator, Mapping
from itertools import islice

from msgspec.structs import replace

from coordinator.core import context
from coordinator.core.affinity import Affine, points
from coordinator.core.call import Call, Place
from coordinator.core.fleet import Fleet
from coordinator.core.index import Index
from coordinator.core.limits import Limits, Weights
from coordinator.core.loads import may_load_elsewhere
from coordinator.core.open_call import OpenCall
from coordinator.core.policies.policy import Policy
from coordinator.core.shelf import Chosen, Entry, Found
from shared.names import ModelName

BUSY_LOOKED_AT = 32
"""Busy places of a model that a call may wait for, at most: more hardly make the wait shorter, and a large fleet has
hundreds."""


class Choice:
    """Reads the fleet and the index, changes nothing."""

    def __init__(
        self,
        fleet: Fleet,
        index: Index,
        limits: Limits,
        weights: Weights,
        policy: Policy,
    ) -> None:
        self._fleet = fleet
        self._policy = policy
        self._index = index
        self._limits = limits
        self._weights = weights

    def favoured(self, found: Found, subject: OpenCall, model: ModelName, now: float) -> Found:
        """With the points of affinity where something of the call is cached and the model is in memory."""
        preferred = self._fleet.affinity.preferred(subject.call, now)
        return self._with_bonus(preferred, found, subject, model, now) if preferred else found

    def _with_bonus(
        self,
        preferred: Mapping[Place, Affine],
        found: Found,
        subject: OpenCall,
        model: ModelName,
        now: float,
    ) -> Found:
        best = list(found.best)
        for place, name in preferred.items():
            entry = self._index.entry(place) if place.model == model else None
            if entry is None or not entry.has_room or not entry.fixed.candidate.loaded:
                continue
            if self._may_take(entry, subject, now):
                bonus = points(getattr(self._weights, name), entry.node.in_flight.total())
                best = [each for each in best if each.entry is not entry]
                best.append(self._index.chosen(entry, subject.call).with_bonus(name, bonus))
        return replace(found, best=tuple(self._policy.order(best, subject, now)))

    def tiered(self, found: Found, subject: OpenCall) -> Found:
        """Only those of the least rank by context: where one has what the call needs, another need not reload for it.
        The rank outweighs all points; a busy place of it is worth waiting for.
        """
        if len(found.best) + len(found.full) == 1:
            return found
        if subject.needed <= context.SMALL and found.all_have(subject.needed):
            return found  # as nearly always: this is on the path of every call
        return _of_least_rank(found, subject.call)

    def among(
        self, found: Found, subject: OpenCall, model: ModelName, now: float, *, last_chance: bool, ahead: int
    ) -> Chosen | None:
        """The best that starts at once, unless: 1. it would load the model, and that is under way elsewhere; 2. by the
        policy a busy place that has it loaded is worth waiting for, and this is not its last chance. None: wait.
        """
        if not found.best:
            return None
        best = found.best[0]
        warm = best.entry.fixed.candidate.loaded
        loading = None if warm else self._loading_entry(subject, model, now)
        if loading is not None and self._as_good(loading, best, subject):
            return self._beside_load(found, subject, loading)
        if last_chance or (warm and not self._policy.leaves_warm) or not self._index.is_any_full(model):
            return best
        busy = self._busy(best, subject, model, now)
        if not self._policy.better_wait(best, busy, subject, now, ahead):
            return best
        if warm:
            return None
        # Whoever is better served by a warm place than by a load takes the warm one that is free, before it waits.
        return next((each for each in found.best if each.entry.fixed.candidate.loaded), None)

    def _busy(self, best: Chosen, subject: OpenCall, model: ModelName, now: float) -> Iterator[Entry]:
        """Some of the places that might be waited for, as good as the best that is free."""
        rank = context.rank(best.entry.fixed.candidate, subject.call)
        every = self._index.busy(model, subject, now)
        as_good = (each for each in every if context.rank(each.fixed.candidate, subject.call) <= rank)
        return islice(as_good, BUSY_LOOKED_AT)

    def _loading_entry(self, subject: OpenCall, model: ModelName, now: float) -> Entry | None:
        """The place where the model is on its way into memory, and for which the call could wait."""
        for loading in self._fleet.loads.under_way(model):
            entry = self._index.entry(loading.place)
            if may_load_elsewhere(loading, now) or entry is None:
                continue  # of several, one that hangs does not hide the others
            if self._may_take(entry, subject, now):
                return entry
        return None

    def _as_good(self, other: Entry, best: Chosen, subject: OpenCall) -> bool:
        """Whether it has, or will have, the context that the call needs, if the best has it."""
        call = subject.call
        return context.rank(other.fixed.candidate, call) <= context.rank(best.entry.fixed.candidate, call)

    def _may_take(self, entry: Entry, subject: OpenCall, now: float) -> bool:
        """Whether the place is healthy and could serve the call, with room or not."""
        late = now - entry.node.last_heard > self._limits.beat_late_s
        if late or not entry.fixed.open or not subject.may_try(entry.place):
            return False
        return entry.group is not None and entry.group.kind.can(subject.call)

    def _beside_load(self, found: Found, subject: OpenCall, loading: Entry) -> Chosen | None:
        """So any number of calls for a cold model start one load."""
        loaded = next((each for each in found.best if each.entry.fixed.candidate.loaded), None)
        if loaded is not None or not loading.has_room:
            return loaded
        return self._index.chosen(loading, subject.call)


def _of_least_rank(found: Found, call: Call) -> Found:
    ranks = {each.entry.place: context.rank(each.entry.fixed.candidate, call) for each in found.best}
    waits = [context.rank(group.sample, call) for group in found.full]
    least = min([*ranks.values(), *waits], default=0)
    return Found(
        tuple(each for each in found.best if ranks[each.entry.place] == least),
        tuple(group for group, rank in zip(found.full, waits, strict=True) if rank == least),
    )
