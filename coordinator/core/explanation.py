"""Why a call went where it went: every place that was weighed, as a value that can be stored and shown."""

import re
from collections import Counter
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

BEST_KEPT = 5
"""Eligible places of one decision that are stored."""
NODES_NAMED = 32
"""A fleet of more nodes has its refusals counted, not listed."""
REASONS_KEPT = 20
"""Kinds of refusal that are counted apart."""
OTHER_REASONS = "other reasons"

Outcome = Literal["placed", "waits", "refused"]


class Judged(Struct, frozen=True, kw_only=True):
    """One place in one decision. `scores_breakdown`: the seven points and `total`; None where it was not eligible."""

    node_id: str
    engine: str
    model: str
    eligible: bool
    refusal: str = ""
    """Why it was not."""
    has_room: bool = False
    """Whether the call would have started at once."""
    troubled: bool = False
    """Eligible, but only if nobody else can."""
    score: float | None = None
    scores_breakdown: dict[str, float] | None = None
    predicted_seconds: dict[str, float] | None = None
    """By a policy that predicts."""
    learned: dict[str, float] | None = None
    """What that was made from: paces of the place and how many answers they were measured by, `crowding`, the seconds
    of a load, and how long an answer was expected.
    """


class Explanation(Struct, frozen=True, kw_only=True):
    """One decision. Candidates are in the policy's order, those that were not eligible last."""

    policy: str
    weights: dict[str, float]
    """What a share of 1 was worth, by signal."""
    outcome: Outcome
    chosen: str | None
    """The node; None where no place was given."""
    reason: str = ""
    """Why no place was given."""
    context: str | None = None
    """What protection does with its context where it was placed; None: nothing, or no place was given."""
    candidates: tuple[Judged, ...] = ()
    omitted: int = 0
    """Further places, which were not kept."""
    omitted_refusals: dict[str, int] = {}
    """How many of those were not eligible, by reason; NODE stands for the node's name, N for a number."""

    @property
    def chosen_place(self) -> Judged | None:
        """The candidate that was chosen; None where no place was given."""
        there = [each for each in self.candidates if each.eligible and each.node_id == self.chosen]
        # A node may have the model on two engines, or two of the models: those without room were passed over.
        return min(there, key=lambda each: (not each.has_room, each.troubled), default=None)


class Kept(Struct, frozen=True):
    """A decision that was written down when it was made."""

    told: Explanation

    def explanation(self) -> Explanation:
        """It."""
        return self.told


def compact(explanation: Explanation) -> Explanation:
    """What is stored: the best places and the chosen one, and who refused: by node, or in a large fleet by reason."""
    if len(explanation.candidates) <= BEST_KEPT:  # as nearly always: all of them, as they are
        return explanation
    eligible = [each for each in explanation.candidates if each.eligible]
    refused = [each for each in explanation.candidates if not each.eligible]
    chosen = explanation.chosen_place
    kept = [each for at, each in enumerate(eligible) if at < BEST_KEPT or each is chosen]
    few = len({each.node_id for each in explanation.candidates}) <= NODES_NAMED
    return replace(
        explanation,
        candidates=(*kept, *(refused if few else ())),
        omitted=explanation.omitted + len(eligible) - len(kept) + (0 if few else len(refused)),
        omitted_refusals=explanation.omitted_refusals if few else _counted(explanation, refused),
    )


def _counted(explanation: Explanation, refused: list[Judged]) -> dict[str, int]:
    counts = Counter(explanation.omitted_refusals)
    counts.update(_kind(each) for each in refused)
    if len(counts) <= REASONS_KEPT:
        return dict(counts.most_common())
    named = dict(counts.most_common(REASONS_KEPT - 1))
    return named | {OTHER_REASONS: counts.total() - sum(named.values())}


def _kind(refused: Judged) -> str:
    """A reason without what differs from node to node."""
    shared = refused.refusal.partition(" (")[0].replace(refused.node_id, "NODE")
    return re.sub(r"(?<![\w.])\d+(\.\d+)?\b", "N", shared)
