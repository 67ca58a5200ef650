"""Why a call went where it went: every place that was weighed, as a value that can be stored and shown."""

from typing import Literal

from msgspec import Struct

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
    candidates: tuple[Judged, ...] = ()
    omitted: int = 0
    """Further places of a large fleet, which were not kept."""
