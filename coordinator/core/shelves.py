"""The shelves of all models: where an entry stands, and where it goes when it changes."""

from collections.abc import Callable
from heapq import heapify, heappush

from msgspec.structs import replace

from coordinator.core.alarms import Alarms
from coordinator.core.call import Place
from coordinator.core.shelf import BARRED, HEALTHY, TROUBLED, Entry, Group, Key, Shelf
from shared.names import ModelName

SLACK = 16
"""Stale keys that a heap may hold beside twice its places, before it is swept."""


class Shelves:
    """Changed by the index, when it takes in an event or comes upon a place that is not what it was."""

    def __init__(self, key: Callable[[Entry], Key]) -> None:
        """`key`: where an entry would stand in its group now."""
        self._key = key
        self._all: dict[ModelName, Shelf] = {}
        self.cools: Alarms[Place] = Alarms()
        """When a place will be worth less by time alone."""

    def get(self, model: ModelName) -> Shelf | None:
        """Of that model; None: nobody has it."""
        return self._all.get(model)

    def put(self, entry: Entry, tier: int, cools_at: float) -> None:
        """It is what its `fixed` says, and of that tier."""
        candidate = entry.fixed.candidate
        shelf = self._all.setdefault(entry.place.model, Shelf())
        self._enter(entry, shelf.group(entry.fixed.kind, tier, candidate))
        shelf.entries[entry.place] = entry
        shelf.changed()
        entry.slots, entry.base, entry.cost_of = candidate.slots, sum(entry.fixed.points), None
        entry.prospect = None
        self.cools.set(cools_at, entry.place)
        self.stand(entry)

    def _enter(self, entry: Entry, group: Group) -> None:
        if entry.group is not group:
            self._leave(entry)
            entry.group = group
            group.members += 1

    def drop(self, entry: Entry) -> None:
        """It is gone."""
        shelf = self._all[entry.place.model]
        self._leave(entry)
        if shelf.entries.get(entry.place) is entry:
            self.cools.drop(entry.place)
            del shelf.entries[entry.place]
            shelf.changed()
        if not shelf.entries:
            del self._all[entry.place.model]

    def _leave(self, entry: Entry) -> None:
        """Its group; what it left in the heap is known by not being its key."""
        group, entry.key, entry.group = entry.group, None, None
        if group is None:
            return
        group.full.pop(entry.place, None)
        group.members -= 1
        if not group.members:
            self._all[entry.place.model].drop(group)

    def stand(self, entry: Entry) -> None:
        """In its group's heap, unless it stands there well enough, is full, or is not to be chosen."""
        group = entry.group
        assert group is not None  # noqa: S101 - each entry of a shelf has one
        if group.tier == BARRED:
            entry.key = None
            return
        if not entry.has_room:
            entry.key = None
            group.full[entry.place] = entry
            return
        group.full.pop(entry.place, None)
        key = self._key(entry)
        if entry.key is None or key < entry.key:
            entry.key = key
            heappush(group.heap, key)
            if len(group.heap) > 2 * group.members + SLACK:
                group.heap = [each for each in group.heap if each[3].key is each]
                heapify(group.heap)

    def silent(self, entry: Entry) -> None:
        """Where a beat is late, the place is for those who take what there is; where it is lost, for nobody."""
        group = entry.group
        assert group is not None  # noqa: S101 - each entry of a shelf has one
        if group.tier == HEALTHY:
            entry.fixed = replace(entry.fixed, open=False)
            shelf = self._all[entry.place.model]
            shelf.changed()
            self._enter(entry, shelf.group(group.kind, TROUBLED, group.sample))
            self.stand(entry)
        else:
            entry.key = None
            group.full.pop(entry.place, None)
