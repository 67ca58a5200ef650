"""Where the index keeps a place: entries, in groups of places that are alike to every call, on one shelf a model."""

from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from coordinator.core.call import Call, Place
from coordinator.core.candidate import Candidate
from coordinator.core.eligibility import Refusal, allowed
from coordinator.core.node import Node
from coordinator.core.node_load import NodeLoad
from coordinator.core.predicted import Predicted
from coordinator.core.prospect import Foreseen, Prospect
from coordinator.core.spots import Spot
from shared.names import NodeId

Key = tuple[float, int, NodeId, "Entry"]
"""Cost, order of last use, node and place: the smallest is the best. The node's name settles nearly all ties, and two
strings are compared sooner than two places."""


HEALTHY, TROUBLED, KEPT_AWAY, BARRED = TIERS = range(4)
"""KEPT_AWAY: by a circuit. BARRED: for any other reason. A tier is asked only where the one before has nobody, the last
never."""


class Kind(Struct, frozen=True):
    """What the points of a call depend on, and whether it can be served."""

    loaded: bool
    context_length: int | None
    default_context: int | None
    max_context: int | None
    fixed_context: bool
    abilities: frozenset[str]
    restricted: str = ""

    def can(self, call: Call) -> bool:
        """Unknown abilities and contexts refuse nothing."""
        if self.restricted and not allowed(self.restricted, call):
            return False
        if self.abilities and not call.abilities <= self.abilities:
            return False
        largest = self.context_length if self.fixed_context else self.max_context
        return not largest or call.least_tokens <= largest

    def ready_for(self, needed: int) -> bool:
        """Whether the model is in memory, with so much context as far as is known."""
        return self.loaded and (self.context_length or self.max_context or needed) >= needed


class Fixed(Struct, frozen=True):
    """What does not change at a place until something changes at its node: a value, which decisions keep."""

    place: Place
    points: tuple[float, ...]
    """Of the place, in the order of OF_PLACE."""
    candidate: Candidate
    spot: Spot
    open: bool
    """Eligible for calls, and healthy."""
    barred: Refusal | None
    """Why it is not eligible."""

    @property
    def kind(self) -> Kind:
        """With which places it stands in a group."""
        candidate = self.candidate
        return Kind(
            candidate.loaded,
            candidate.context_length,
            candidate.default_context,
            candidate.max_context,
            candidate.fixed_context,
            self.spot.abilities,
            self.spot.engine.restricted,
        )


Extra = tuple[tuple[str, float], ...]
"""Points by name."""


class Weighed(Struct, frozen=True, gc=False):
    """Places and the loads of their nodes, at the time of a decision."""

    places: tuple[Fixed, ...]
    loads: tuple[NodeLoad, ...]

    def __add__(self, other: "Weighed") -> "Weighed":
        return Weighed(self.places + other.places, self.loads + other.loads)


class Entry:
    """One place. `key` is where it stands in its group's heap; None: it does not."""

    __slots__ = (
        "base",
        "cost",
        "cost_by",
        "cost_of",
        "fixed",
        "group",
        "key",
        "node",
        "pair",
        "place",
        "prospect",
        "slots",
    )

    def __init__(self, place: Place, node: Node) -> None:
        self.place = place
        self.node = node
        self.key: Key | None = None
        self.pair = (place.engine, place.model)
        self.slots = 0
        self.base = 0.0
        """Sum of the points of the place."""
        self.cost = 0.0
        self.cost_of: NodeLoad | None = None
        """By the policy, and the load of the node for which that was worked out."""
        self.prospect: Prospect | None = None
        """For a policy that predicts."""
        self.cost_by: Prospect | None = None
        """By which `cost` was worked out."""
        self.fixed: Fixed
        self.group: Group | None = None

    def __lt__(self, other: "Entry") -> bool:
        return self.place < other.place

    @property
    def has_room(self) -> bool:
        """Whether a call would start at once."""
        return self.node.in_flight.get(self.pair, 0) < self.slots


class Group:
    """Places of one kind and tier: those with room by their keys, and those that are full. Barred ones are neither."""

    __slots__ = ("full", "heap", "kind", "members", "sample", "tier")

    def __init__(self, kind: Kind, tier: int, sample: Candidate) -> None:
        """`sample`: any of them, for the signals that differ from call to call."""
        self.kind = kind
        self.tier = tier
        self.sample = sample
        self.members = 0
        self.heap: list[Key] = []
        self.full: dict[Place, Entry] = {}


class Shelf:
    """All places of one model."""

    __slots__ = ("_nodes", "_places", "entries", "groups", "ordered")

    def __init__(self) -> None:
        self.entries: dict[Place, Entry] = {}
        self.groups: dict[tuple[Kind, int], Group] = {}
        self.ordered: tuple[tuple[Group, ...], ...] = ((),) * len(TIERS)
        """By tier; those that have the model in memory first."""
        self.changed()

    def changed(self) -> None:
        """One of its places is another, or not what it was."""
        self._places: tuple[Fixed, ...] | None = None
        self._nodes: tuple[Node, ...] = ()

    def weighed(self) -> Weighed:
        """All of them now. Each decision keeps it: the places are put together once for all that are alike."""
        if self._places is None:
            entries = self.entries.values()
            self._places, self._nodes = (
                tuple([each.fixed for each in entries]),
                tuple([each.node for each in entries]),
            )
        return Weighed(self._places, tuple(map(_load, self._nodes)))

    def group(self, kind: Kind, tier: int, sample: Candidate) -> Group:
        """Of that kind and tier; a new one, where there is none."""
        found = self.groups.get((kind, tier))
        if found is None:
            found = self.groups[kind, tier] = Group(kind, tier, sample)
            self._order()
        return found

    def drop(self, group: Group) -> None:
        """It has no places any more."""
        del self.groups[group.kind, group.tier]
        self._order()

    def _order(self) -> None:
        groups = sorted(self.groups.values(), key=lambda group: not group.kind.loaded)
        self.ordered = tuple(tuple(each for each in groups if each.tier == tier) for tier in TIERS)


class Chosen(Struct, frozen=True, gc=False):
    """An entry and its points for one call."""

    entry: Entry
    points: tuple[float, ...]
    """Of the seven signals alone, in the order of OF_PLACE, OF_LOAD and OF_CALL."""
    total: float
    """Of `points` and `extra`."""
    extra: Extra = ()
    """Points beside the seven, by name: of affinity (`session_affinity`, `prefix_affinity`), `quality_bonus`."""
    seconds: Predicted | Foreseen | None = None
    """By a policy that predicts."""

    def with_bonus(self, name: str, points: float) -> "Chosen":
        """With those points beside the seven."""
        return replace(self, total=self.total + points, extra=(*self.extra, (name, points)))

    def breakdown(self) -> dict[str, float]:
        """Signal name -> points, in the order of SIGNALS, then what is beside them, and the `total`."""
        return breakdown(self.points, self.extra)


class Found(Struct, frozen=True):
    """`best`: the best with room of each kind, best first. `full`: kinds whose places are all full. Of one tier."""

    best: tuple[Chosen, ...]
    full: tuple[Group, ...]

    def only_with_room(self) -> "Found":
        """Nobody waits for the full ones."""
        return replace(self, full=())

    def all_have(self, tokens: int) -> bool:
        """Whether none is known to have less context."""
        for each in self.best:
            if (each.entry.fixed.candidate.context_length or tokens) < tokens:
                return False
        return not any((group.kind.context_length or tokens) < tokens for group in self.full)


def rank(chosen: Chosen) -> tuple[float, int, Place]:
    """To sort by, best first: among equals the one used longest ago."""
    entry = chosen.entry
    return (-chosen.total, entry.node.last_used[entry.pair], entry.place)


def breakdown(points: tuple[float, ...], extra: Extra = ()) -> dict[str, float]:
    """Points in the order of OF_PLACE, OF_LOAD and OF_CALL, by name in the order of SIGNALS, and their `total`."""
    thermal, memory_fit, role_affinity, availability_trend, queue_depth, wait_time, context_fit = points
    # On the path of every call: written out, since a loop over the names takes twice as long.
    result = {
        "thermal": thermal,
        "memory_fit": memory_fit,
        "queue_depth": queue_depth,
        "wait_time": wait_time,
        "role_affinity": role_affinity,
        "availability_trend": availability_trend,
        "context_fit": context_fit,
    }
    if extra:
        result.update(extra)
        points = tuple(result.values())
    result["total"] = sum(points)
    return result


_load = attrgetter("load")
