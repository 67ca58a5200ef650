"""Policies beside each other: the same worlds and the same calls for all, over several seeds and loads.

Only differences within a seed count: a call that is long is long under every policy.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, stdev

from msgspec import Struct

from coordinator.simulate.measures import BOUND, Measures

T95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
"""Quantiles of Student's t for 95 % (two sides) and 1, 2, ... degrees of freedom; NORMAL beyond."""
NORMAL = 1.96

Figure = Callable[[Measures], float]
FIGURES: dict[str, Figure] = {
    "mean_total": lambda each: each.total_s.mean,
    "p95_ttft": lambda each: each.ttft_s.p95,
}
"""What gains are told of."""


class Gain(Struct, frozen=True):
    """How many times less a policy takes than the one it is compared with; above 1 it is better."""

    figure: str
    mean: float
    """Geometric, over seeds and loads."""
    low: float
    high: float
    """Between these two with 95 % confidence, by the seeds; equal to `mean` where there is one."""


Cell = Mapping[str, Measures]
"""By policy, of one seed and load."""


def gains(cells: Mapping[int, Sequence[Cell]], base: str) -> dict[str, list[Gain]]:
    """By policy. `cells`: for each seed one of each load, with the same policies in all of them."""
    names = [name for name in next(iter(cells.values()))[0] if name not in (base, BOUND)]
    return {name: [gain(cells, name, base, figure) for figure in FIGURES] for name in names}


def gain(cells: Mapping[int, Sequence[Cell]], name: str, base: str, figure: str) -> Gain:
    """Of one policy over another, in one of FIGURES."""
    reads = FIGURES[figure]
    logs = [
        fmean(math.log(reads(cell[base]) / reads(cell[name])) for cell in loads) for loads in cells.values()
    ]
    mean, half = fmean(logs), interval(logs)
    return Gain(figure, math.exp(mean), math.exp(mean - half), math.exp(mean + half))


def interval(values: Sequence[float]) -> float:
    """Half of the 95 % interval around their mean; 0 for one value."""
    if len(values) < 2:
        return 0.0
    freedom = len(values) - 1
    quantile = T95[freedom - 1] if freedom <= len(T95) else NORMAL
    return quantile * stdev(values) / math.sqrt(len(values))
