"""What a plot shows of a report: by policy, a figure against load, with its interval over seeds. Pure."""

import math
from collections.abc import Sequence
from statistics import fmean

from msgspec import Struct

from coordinator.simulate.compare import Figure, interval
from coordinator.simulate.study import Outcome, Report


class Point(Struct, frozen=True):
    """A figure of one policy at one load, over seeds."""

    at: float
    """Load, as a part of saturation; calls a second, where the workload was paced by itself or by a rate."""
    mean: float
    """Seconds; geometric, so that it and its interval are positive on an axis of logarithms."""
    low: float
    high: float
    """Between these two with 95 % confidence, by the seeds; equal to `mean` where there is one."""
    lost: float
    """Part of the calls that was lost, in [0, 1]; seconds are of the others."""


class Curve(Struct, frozen=True):
    """One policy, or the bound."""

    policy: str
    points: list[Point]
    """From light to heavy; a load at which no seed had an answer is left out."""


def curves(report: Report, figure: Figure) -> list[Curve]:
    """In the order of the report. `figure`: reads seconds from what was measured."""
    by_load: dict[float | None, list[Outcome]] = {}
    for each in report.outcomes:
        by_load.setdefault(each.load, []).append(each)
    names = [each.policy for each in report.outcomes[0].policies] if report.outcomes else []
    return [Curve(name, _points(list(by_load.values()), name, figure)) for name in names]


def _points(loads: Sequence[Sequence[Outcome]], name: str, figure: Figure) -> list[Point]:
    found = [_point(outcomes, name, figure) for outcomes in loads]
    return sorted((each for each in found if each is not None), key=lambda each: each.at)


def _point(outcomes: Sequence[Outcome], name: str, figure: Figure) -> Point | None:
    """Of one load. None: nothing was answered, and 0 s would look like the best."""
    of_seeds = [each for outcome in outcomes for each in outcome.policies if each.policy == name]
    logs = [math.log(figure(each)) for each in of_seeds if each.completed]
    if not logs:
        return None
    mean, half = fmean(logs), interval(logs)
    at = fmean(each.rate if each.load is None else each.load for each in outcomes)
    lost = sum(each.lost for each in of_seeds) / sum(each.calls for each in of_seeds)
    return Point(at, math.exp(mean), math.exp(mean - half), math.exp(mean + half), lost)
