"""Decisions for tests: places with points, and what was made of them."""

from coordinator.core import signals
from coordinator.core.explanation import Explanation, Judged, Outcome
from coordinator.core.limits import Weights
from tests.fakes.builders import MODEL

SIGNALS = tuple(name for name, _ in signals.SIGNALS)
WEIGHTS: dict[str, float] = {name: getattr(Weights(), name) for name in SIGNALS}


def a_place(
    node_id: str,
    *,
    room: bool = True,
    troubled: bool = False,
    engine: str = "ollama",
    model: str = MODEL,
    **points: float,
) -> Judged:
    """An eligible place; signals that are not named have no points."""
    scores = {name: points.pop(name, 0.0) for name in SIGNALS} | points
    total = sum(scores.values())
    return Judged(
        node_id=node_id,
        engine=engine,
        model=model,
        eligible=True,
        has_room=room,
        troubled=troubled,
        score=total,
        scores_breakdown={**scores, "total": total},
    )


def a_refusal(node_id: str, refusal: str = "") -> Judged:
    """A place that was not eligible."""
    reason = refusal or f"{node_id} is cordoned"
    return Judged(node_id=node_id, engine="ollama", model=MODEL, eligible=False, refusal=reason)


def a_decision(
    *candidates: Judged,
    chosen: str | None = "n1",
    outcome: Outcome = "placed",
    weights: dict[str, float] | None = None,
    reason: str = "",
) -> Explanation:
    """For a call that went to n1."""
    return Explanation(
        policy="weighted",
        weights=WEIGHTS if weights is None else weights,
        outcome=outcome,
        chosen=chosen if outcome == "placed" else None,
        reason=reason,
        candidates=candidates,
    )
