"""One thing that a check found, in the shape in which scripts read it."""

from collections.abc import Iterable
from typing import Any, Literal

from msgspec import Struct

Severity = Literal["critical", "warning", "info"]

POINTS: dict[Severity, int] = {"critical": 20, "warning": 10, "info": 3}
"""What one of them takes off the score, in the order in which they are shown."""
FULL_SCORE = 100
GIB = 2**30


class Finding(Struct, frozen=True, kw_only=True):
    """`title` and `description` say what is, `fix` what a person can do."""

    check_id: str
    severity: Severity
    title: str
    description: str
    fix: str
    node_id: str | None = None
    """None: it concerns the fleet, not one node."""
    data: dict[str, Any] = {}
    """The figures behind it."""


def score(findings: Iterable[Finding]) -> int:
    """100 for a fleet without findings, never below 0."""
    return max(0, FULL_SCORE - sum(POINTS[finding.severity] for finding in findings))


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """By severity; within one as they came."""
    order = list(POINTS)
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def fewest_samples(threshold: float, most_an_event: int = 1) -> int:
    """How many samples a rate needs, so that one event, worth up to `most_an_event`, never crosses `threshold`."""
    return int(most_an_event / threshold) + 1


def gib(count: float) -> str:
    """Bytes for people."""
    return f"{count / GIB:.1f} GiB"
