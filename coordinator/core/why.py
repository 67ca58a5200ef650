"""A decision in one or two sentences for a person: what spoke for the chosen node, and what would have to change."""

import math

from msgspec import Struct

from coordinator.core import why_seconds
from coordinator.core.explanation import Explanation, Judged

SHOWN = 3
"""Signals that a sentence names."""
LEAST = 0.05
"""Points below which a difference is not worth a word."""
NAMES_SHOWN = 4
PENALTIES = {"queue_depth", "wait_time"}
"""Signals whose points are at most 0."""

_SPEAKS_FOR = {
    "memory_fit": "its memory has more room",
    "queue_depth": "fewer calls run there",
    "wait_time": "its calls end sooner",
    "role_affinity": "its machine suits a model of this size better",
    "availability_trend": "its owner is more likely to leave it free",
    "context_fit": "its context suits the prompt better",
    "session_affinity": "it has the conversation cached",
    "prefix_affinity": "it has the beginning of the prompt cached",
}
_WOULD_HELP = (
    ("with the model loaded there", ("thermal", "memory_fit", "context_fit")),
    ("with more of its memory free", ("memory_fit",)),
    ("with no call running there", ("queue_depth", "wait_time")),
    ("with its owner leaving it free", ("availability_trend",)),
    ("with more context loaded there", ("context_fit",)),
)
"""What can change, and the signals that it would change; the machine itself cannot."""


class Difference(Struct, frozen=True):
    """One signal's points for the chosen place and for the runner-up."""

    signal: str
    chosen: float
    other: float

    @property
    def points(self) -> float:
        """Above 0: it speaks for the chosen one."""
        return self.chosen - self.other


def why(explanation: Explanation) -> str:
    """Never empty."""
    chosen = explanation.chosen_place
    if explanation.outcome == "waits":
        return f"the call waits: {_why_it_waits(explanation)}"
    if explanation.outcome == "refused":
        return f"refused: {explanation.reason or 'no reason was kept'}"
    if chosen is None:
        return f"{explanation.chosen}; what was weighed was not kept"
    others = _others(explanation, chosen)
    if not others:
        return (
            f"{chosen.node_id}, because it was the only place that could take the call{_last_resort(chosen)}"
        )
    hindered = [each for each in others if not _alike(each, chosen) and _better(explanation, each, chosen)]
    if len(hindered) == len(others):
        return f"{chosen.node_id}, because {_hindrance(hindered)}{_last_resort(chosen)}"
    text = f"{chosen.node_id}, {_compared(explanation, chosen, others[0])}"
    more = "Fewer seconds" if explanation.policy == "predictive" else "More points"
    return f"{text}. {more}, but passed over: {_hindrance(hindered)}" if hindered else text


def _better(explanation: Explanation, place: Judged, chosen: Judged) -> bool:
    if explanation.policy == "predictive":
        return total_s(place) < total_s(chosen)
    return (place.score or 0) > (chosen.score or 0)


def _others(explanation: Explanation, chosen: Judged) -> list[Judged]:
    found = [
        each
        for each in explanation.candidates
        if each.eligible and each is not chosen and each.model == chosen.model
    ]
    if explanation.policy == "predictive":
        return sorted(found, key=lambda each: (not _alike(each, chosen), total_s(each)))
    return sorted(found, key=lambda each: (not _alike(each, chosen), -(each.score or 0.0)))


def total_s(place: Judged) -> float:
    """Predicted; endless where nothing was predicted."""
    return (place.predicted_seconds or {}).get("total", math.inf)


def _alike(place: Judged, chosen: Judged) -> bool:
    """Whether nothing but its points kept the call from it."""
    return place.has_room >= chosen.has_room and place.troubled <= chosen.troubled


def differences(chosen: Judged, other: Judged) -> list[Difference]:
    """By signal, the largest first; those that make none are left out."""
    mine, theirs = chosen.scores_breakdown or {}, other.scores_breakdown or {}
    names = [name for name in {**mine, **theirs} if name != "total"]
    found = [Difference(name, mine.get(name, 0.0), theirs.get(name, 0.0)) for name in names]
    return sorted((each for each in found if abs(each.points) >= LEAST), key=lambda each: -abs(each.points))


def _compared(explanation: Explanation, chosen: Judged, other: Judged) -> str:
    if explanation.policy == "predictive" and chosen.predicted_seconds and other.predicted_seconds:
        return why_seconds.compared(chosen, other)
    lead = (chosen.score or 0.0) - (other.score or 0.0)
    told = differences(chosen, other)
    pro = [_pro(each, explanation) for each in told if each.points > 0][:SHOWN]
    contra = [_contra(each) for each in told if each.points < 0][:SHOWN]
    if abs(lead) < LEAST:
        return f"which is equal to {other.node_id} ({_round(chosen.score or 0.0)} points) and was used longer ago"
    if lead < 0 or not pro:
        return f"by another rule than its points ({other.node_id} has {_round(-lead)} more)"
    text = f"because {_listed(pro)}; runner-up {other.node_id}"
    if contra:
        text += f", which is better in {_listed(contra)}"
    return f"{text}. {_what_would_help(explanation, other, lead)}"


def _pro(difference: Difference, explanation: Explanation) -> str:
    phrase = _SPEAKS_FOR.get(difference.signal, f"of its {difference.signal}")
    if difference.signal == "thermal":
        phrase = _residency(difference.chosen, explanation.weights.get("thermal", 0.0))
    elif difference.signal == "queue_depth" and not difference.chosen:
        phrase = "nothing runs there"
    return f"{phrase} ({_signed(difference.chosen)} against {_signed(difference.other)})"


def _contra(difference: Difference) -> str:
    return f"{difference.signal} ({_signed(difference.other)} against {_signed(difference.chosen)})"


def _residency(points: float, weight: float) -> str:
    share = points / weight if weight else 0.0
    return "the model is loaded there" if share >= 1 else "the model was in its memory not long ago"


def _what_would_help(explanation: Explanation, other: Judged, lead: float) -> str:
    """The first change that alone could be enough."""
    needs = f"{other.node_id} would need {_round(lead)} points more"
    for change, names in _WOULD_HELP:
        gain = sum(_possible_gain(explanation, other, name) for name in names)
        if gain > 0 and gain >= lead - LEAST:
            return f"{needs}: {change} it could have {_signed(gain)}"
    return f"{needs}, which no one change could give it"


def _possible_gain(explanation: Explanation, place: Judged, signal: str) -> float:
    best = 0.0 if signal in PENALTIES else explanation.weights.get(signal, 0.0)
    return max(0.0, best - (place.scores_breakdown or {}).get(signal, 0.0))


def _why_it_waits(explanation: Explanation) -> str:
    able = [each for each in explanation.candidates if each.eligible]
    if not able:
        reasons = [each.refusal for each in explanation.candidates]
        return "; ".join(dict.fromkeys(reasons)) or explanation.reason or "no node has the model yet"
    return (
        f"no room on {_named(able)}"
        if not any(each.has_room for each in able)
        else (
            explanation.reason
            or f"a place on {_named([each for each in able if not each.has_room] or able)} is better"
        )
    )


def _hindrance(places: list[Judged]) -> str:
    full = [each for each in places if not each.has_room]
    troubled = [each for each in places if each.has_room]
    return " and ".join(
        f"{_named(those)} {'has' if len(those) == 1 else 'have'} {what}"
        for those, what in ((full, "no room"), (troubled, "had trouble lately"))
        if those
    )


def _last_resort(chosen: Judged) -> str:
    return ", in spite of its recent trouble" if chosen.troubled else ""


def _named(places: list[Judged]) -> str:
    names = list(dict.fromkeys(each.node_id for each in places))
    rest = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _round(points: float) -> str:
    return f"{round(points, 1):g}"


def _signed(points: float) -> str:
    return f"{round(points, 1) + 0.0:+g}" if round(points, 1) else "0"
