"""What findings weigh, and how many events make one."""

from collections.abc import Iterable

from shared.finding import Finding, Severity

POINTS: dict[Severity, int] = {"critical": 20, "warning": 10, "info": 3}
"""What one of them takes off the score, in the order in which they are shown."""
FULL_SCORE = 100


def score(findings: Iterable[Finding]) -> int:
    """100 for a fleet without findings, never below 0."""
    return max(0, FULL_SCORE - sum(POINTS[finding.severity] for finding in findings))


def fewest_samples(threshold: float, most_an_event: int = 1) -> int:
    """How many samples a rate needs, so that one event, worth up to `most_an_event`, never crosses `threshold`."""
    return int(most_an_event / threshold) + 1
