"""What spoke for the chosen node where a policy predicts seconds."""

from coordinator.core.explanation import Judged

SHOWN = 3
"""Parts that a sentence names."""
LEAST_S = 0.05
"""Below which a difference is not worth a word."""

_PARTS = {
    "wait": "until it begins",
    "load": "to load the model",
    "evict": "for what would have to leave memory",
    "prefill": "to read the prompt",
    "decode": "to write the answer",
    "harm": "lost by calls that run there",
    "owner": "for the owner, who may come back",
}


def compared(chosen: Judged, other: Judged) -> str:
    """The chosen place beside the runner-up; both have been predicted."""
    mine, theirs = chosen.predicted_seconds or {}, other.predicted_seconds or {}
    lead = theirs["total"] - mine["total"]
    if abs(lead) < LEAST_S:
        return f"which is equal to {other.node_id} ({_s(mine['total'])}) and was used longer ago"
    if lead < 0:
        return f"by another rule than its seconds ({other.node_id}: {_s(-lead)} less)"
    slower = sorted((mine.get(part, 0.0) - theirs.get(part, 0.0), part) for part in _PARTS)
    told = [
        f"{_s(theirs.get(part, 0.0))} {_PARTS[part]}, not {_s(mine.get(part, 0.0))}"
        for difference, part in slower[:SHOWN]
        if difference <= -LEAST_S
    ]
    return (
        f"because it takes {_s(mine['total'])} there, all told; runner-up {other.node_id} with"
        f" {_s(theirs['total'])}: {'; '.join(told)}"
    )


def _s(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
