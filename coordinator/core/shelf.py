"""Where the index keeps a place: entries, in groups of places that are alike to every call, on one shelf a model."""

from typing import NamedTuple

from coordinator.core.call import Call, Place
from coordinator.core.candidate import Candidate
from coordinator.core.eligibility import Refusal
from coordinator.core.node import Node, Spot
from coordinator.core.signals import OF_CALL, OF_LOAD, OF_PLACE, SIGNALS

NAMES = (*OF_PLACE, *OF_LOAD, *OF_CALL)

Key = tuple[float, int, Place, "Entry"]
"""Negative points, order of last use, place: the smallest is the best."""


class Kind(NamedTuple):
    """What the points of a call depend on, and whether it can be served."""

    loaded: bool
    context_length: int | None
    max_context: int | None
    abilities: frozenset[str]

    def can(self, call: Call) -> bool:
        """Unknown abilities refuse nothing."""
        return not self.abilities or call.abilities <= self.abilities


class Entry:
    """One place. `key` is where it stands in its group's heap; None: it does not."""

    __slots__ = (
        "barred",
        "candidate",
        "group",
        "key",
        "node",
        "open",
        "place",
        "points",
        "seen",
        "slots",
        "spot",
        "stale_at",
    )

    def __init__(self, place: Place, node: Node) -> None:
        self.place = place
        self.node = node
        self.key: Key | None = None
        self.open = False
        """Eligible for calls, and healthy, as of the last change of its node."""
        self.barred: Refusal | None = None
        """Why it is not eligible, as of then."""
        self.seen: Weighed | None = None
        """As it was recorded last."""
        self.points: tuple[float, ...] = ()
        """Of the place, in the order of OF_PLACE."""
        self.slots = 0
        self.stale_at = 0.0
        """When the points of the place change by time alone."""
        self.spot: Spot
        self.candidate: Candidate
        self.group: Group | None = None

    def __lt__(self, _other: "Entry") -> bool:
        return False  # keys of one place are equal

    @property
    def has_room(self) -> bool:
        """Whether a call would start at once."""
        return self.node.in_flight[self.place.engine, self.place.model] < self.slots


class Group:
    """Places of one kind: those with room by their keys, and those that are open and full."""

    __slots__ = ("full", "heap", "kind", "members", "sample")

    def __init__(self, kind: Kind, sample: Candidate) -> None:
        """`sample`: any of them, for the signals that differ from call to call."""
        self.kind = kind
        self.sample = sample
        self.members = 0
        self.heap: list[Key] = []
        self.full: dict[Place, Entry] = {}


class Shelf:
    """All places of one model."""

    __slots__ = ("entries", "groups")

    def __init__(self) -> None:
        self.entries: dict[Place, Entry] = {}
        self.groups: dict[Kind, Group] = {}


class Chosen(NamedTuple):
    """An entry and its points for one call, in the order of OF_PLACE, OF_LOAD and OF_CALL."""

    entry: Entry
    of_place: tuple[float, ...]
    of_load: tuple[float, ...]
    of_call: tuple[float, ...]

    @property
    def total(self) -> float:
        """The sum of the seven."""
        return sum(self.of_place) + sum(self.of_load) + sum(self.of_call)

    def breakdown(self) -> dict[str, float]:
        """Signal name -> points, in the order of SIGNALS, and their `total`."""
        by_name = dict(zip(NAMES, (*self.of_place, *self.of_load, *self.of_call), strict=True))
        result = {name: by_name[name] for name, _ in SIGNALS}
        result["total"] = sum(result.values())
        return result


class Found(NamedTuple):
    """`best`: the best with room of each kind, best first. `full`: kinds whose open places are all full."""

    best: tuple[Chosen, ...]
    full: tuple[Group, ...]


def rank(chosen: Chosen) -> tuple[float, int, Place]:
    """To sort by, best first: among equals the one used longest ago."""
    place = chosen.entry.place
    return (-chosen.total, chosen.entry.node.last_used[place.engine, place.model], place)


class Weighed(NamedTuple):
    """An entry as it was when a decision was made: values only."""

    place: Place
    of_place: tuple[float, ...]
    of_load: tuple[float, ...]
    candidate: Candidate
    spot: Spot
    has_room: bool
    open: bool
    barred: Refusal | None
