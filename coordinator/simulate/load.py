"""How much a fleet can do, and workloads that ask for a part of that."""

import math
from collections import Counter
from collections.abc import Sequence

from coordinator.core.limits import Limits
from coordinator.core.policies.weighted import Weighted
from coordinator.simulate.run import run
from coordinator.simulate.workloads.jobs import Job, rate, stretched
from coordinator.simulate.world import World, bounds

LOADS = (0.3, 0.6, 0.9, 1.2)
"""Of saturation: from light to more than can be done."""
SAMPLE_A_PLACE = 12
"""Calls for each that the fleet could do at once, at most, with which saturation is measured; or SAMPLE_LEAST. With
much fewer the last has come before machines are full, hot or wanted by their owners: too high a rate looks well."""
SAMPLE_LEAST = 1_200
KEEPS_UP = 0.95
"""Of the calls for a model that arrive, so many begin to be answered: the queue does not grow."""
TREMBLE = 1
"""Calls more that wait at the end than before are by chance."""
WARM = 1 / 3
"""Of the time, before which nothing is counted: the fleet is empty at first."""
CLOSE = 1.1
"""Times the rate that is kept up with, one that is not: near enough."""
STEP = 1.5
MOST_STEPS = 12


def saturation(there: World, jobs: Sequence[Job], bounded: Limits) -> float:
    """Calls a second that the fleet can keep up with under policy `weighted`: the greatest rate found at which the
    first of the workload come and of no model ever more calls wait.

    By model, since a fleet falls behind as soon as the model does that is shortest of machines, and most calls are
    for others: when half of a burst had ended told of quick models. By what begins while calls still arrive, since one
    slow machine may work at its last call for long: when all of a burst had ended told of that machine, 15 times too
    little for a hundred nodes. And not of a burst, since a fleet that is far behind does less than it could, or more.
    """
    sample = jobs[: max(SAMPLE_LEAST, SAMPLE_A_PLACE * _at_most(there))]
    asked, kept, missed = _guess(there, sample), 0.0, math.inf
    for _ in range(MOST_STEPS):
        part = kept_up(there, at_rate(sample, asked), bounded)
        if part >= KEEPS_UP:
            kept = asked
            asked = asked * STEP if missed == math.inf else math.sqrt(kept * missed)
        else:
            missed = asked
            asked = math.sqrt(kept * missed) if kept else asked * max(math.sqrt(part), 1 / STEP**2)
        if kept and missed <= kept * CLOSE:
            break
    return kept or asked


def kept_up(there: World, jobs: Sequence[Job], bounded: Limits) -> float:
    """Calls that begin to be answered over calls that arrive, of the model for which that is least; about 1 where no
    queue grows. Counted until the last call arrives, which none but followers do later.
    """
    last = max(job.at for job in jobs if job.follows is None)
    came: Counter[str] = Counter()
    began: Counter[str] = Counter()
    for each in run(there, jobs, Weighted, bounded, until=last).records:
        came[each.job.model] += last * WARM < each.arrived_at <= last
        began[each.job.model] += each.first_byte_at is not None and last * WARM < each.first_byte_at <= last
    return min(((began[model] + TREMBLE) / count for model, count in came.items() if count), default=1.0)


def at_load(jobs: Sequence[Job], saturated: float, load: float) -> list[Job]:
    """Arrivals stretched or pressed, so that `load` times `saturated` calls come in a second."""
    return at_rate(jobs, saturated * load)


def at_rate(jobs: Sequence[Job], calls_per_s: float) -> list[Job]:
    """Likewise, of so many a second."""
    before = rate(jobs)
    return stretched(jobs, before / calls_per_s) if before and calls_per_s else list(jobs)


def _guess(there: World, jobs: Sequence[Job]) -> float:
    """Calls a second, were every place a third as fast as the best: where to begin."""
    alone = bounds(there, jobs)
    return len(alone) * _at_most(there) / sum(each.total_s for each in alone) / 3


def _at_most(there: World) -> int:
    return sum(each.spec.slots for each in there.inhabitants)
