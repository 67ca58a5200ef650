"""Stored decisions under other weights: which calls would have gone elsewhere. Values in, values out."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from coordinator.core.explanation import Explanation, Judged

TIE = 1e-9
"""Points that rounding may make or lose."""

Skipped = Literal[
    "no place was given",
    "its points were not kept",
    "not chosen by its points",
    "a weight was 0 or not stored",
]
"""no place was given: it waited or was refused. not chosen by its points: another rule decided. a weight was 0: the
points of a signal that weighed nothing are 0, so they cannot be worked out for another weight.
"""


class Move(Struct, frozen=True):
    """So many calls would have gone to `after` instead of `before`."""

    before: str
    after: str
    calls: int


class Share(Struct, frozen=True):
    """Calls that a node was given, and would have been given."""

    before: int
    after: int


class Replayed(Struct, frozen=True, kw_only=True):
    """`looked_at` decisions are those that could be replayed; `moves` has the largest first."""

    looked_at: int
    moved: int
    skipped: dict[str, int]
    moves: tuple[Move, ...]
    nodes: dict[str, Share]


def replay(explanations: Iterable[Explanation], weights: Mapping[str, float]) -> Replayed:
    """`weights`: new ones by signal; the others stay as they were at each decision. A signal's points are scaled as a
    whole: half the weight of thermal halves what a warm and a cold model are worth, too.

    Each decision is taken alone: what would have run where, had earlier calls gone elsewhere, is not known.
    """
    skipped: Counter[str] = Counter()
    routes: Counter[tuple[str, str]] = Counter()
    for explanation in explanations:
        found = redecided(explanation, weights)
        if isinstance(found, str):
            skipped[found] += 1
        else:
            routes[str(explanation.chosen), found.node_id] += 1
    moves = [Move(*route, calls) for route, calls in routes.items() if route[0] != route[1]]
    return Replayed(
        looked_at=routes.total(),
        moved=sum(move.calls for move in moves),
        skipped=dict(skipped.most_common()),
        moves=tuple(sorted(moves, key=lambda move: (-move.calls, move.before, move.after))),
        nodes=_nodes(routes),
    )


def redecided(explanation: Explanation, weights: Mapping[str, float]) -> Judged | Skipped:
    """The place that these weights would have chosen among those the call could have gone to; or why that cannot be
    said.
    """
    if explanation.outcome != "placed":
        return "no place was given"
    chosen = explanation.chosen_place
    if chosen is None or chosen.score is None:
        return "its points were not kept"
    rivals = _rivals(explanation, chosen)
    if not _same(_best(rivals, explanation, {}), chosen):
        return "not chosen by its points"
    if any(not explanation.weights.get(name) and weight for name, weight in weights.items()):
        return "a weight was 0 or not stored"
    best = _best(rivals, explanation, weights)
    points = _points(best, explanation, weights) - _points(chosen, explanation, weights)
    return best if points > TIE else chosen


def _rivals(explanation: Explanation, chosen: Judged) -> list[Judged]:
    """Those that could have taken the call at once; a troubled one only where all are."""
    return [
        each
        for each in explanation.candidates
        if each.eligible
        and each.score is not None
        and each.model == chosen.model
        and each.has_room == chosen.has_room
        and each.troubled == chosen.troubled
    ]


def _best(places: list[Judged], explanation: Explanation, weights: Mapping[str, float]) -> Judged:
    """Among equals the first: they are in the policy's order."""
    return max(places, key=lambda each: _points(each, explanation, weights))


def _points(place: Judged, explanation: Explanation, weights: Mapping[str, float]) -> float:
    """Its total, with the points of each signal that has another weight scaled to that."""
    stored = place.scores_breakdown or {}
    gained = 0.0
    for name, weight in weights.items():
        if was := explanation.weights.get(name, 0.0):
            gained += stored.get(name, 0.0) * (weight - was) / was
    return (place.score or 0.0) + gained


def _same(one: Judged, other: Judged) -> bool:
    return (one.node_id, one.engine) == (other.node_id, other.engine)


def _nodes(routes: Counter[tuple[str, str]]) -> dict[str, Share]:
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    for (was, now), calls in routes.items():
        before[was] += calls
        after[now] += calls
    return {name: Share(before[name], after[name]) for name in sorted(before | after)}
