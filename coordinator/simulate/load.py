"""How much a fleet can do, and workloads that ask for a part of that."""

from collections.abc import Sequence

from msgspec.structs import replace

from coordinator.core.limits import Limits
from coordinator.core.policies.weighted import Weighted
from coordinator.simulate.run import run
from coordinator.simulate.workloads.jobs import Job, rate, stretched
from coordinator.simulate.world import World

LOADS = (0.3, 0.6, 0.9, 1.2)
"""Of saturation: from light to more than can be done."""
SAMPLE_A_PLACE = 4
"""Calls for each that the fleet could do at once, with which saturation is measured; at least SAMPLE_LEAST."""
SAMPLE_LEAST = 200


def saturation(there: World, jobs: Sequence[Job], bounded: Limits) -> float:
    """Calls a second that the fleet can keep up with: the first of the workload all come at once, under policy
    `weighted`, and their number is divided by the seconds until the last has ended.

    The last, since a fleet keeps up only if the model that is short of machines does. (By the middle half of the ends,
    most of which are those of quick models, every policy was behind at 0.6 already, and ever more so with more calls.)
    """
    sample = _at_once(jobs[: max(SAMPLE_LEAST, SAMPLE_A_PLACE * _at_most(there))])
    last = max(record.ended_at for record in run(there, sample, Weighted, bounded).records)
    return len(sample) / last if last > 0 else 0.0


def at_load(jobs: Sequence[Job], saturated: float, load: float) -> list[Job]:
    """Arrivals stretched or pressed, so that `load` times `saturated` calls come in a second."""
    return at_rate(jobs, saturated * load)


def at_rate(jobs: Sequence[Job], calls_per_s: float) -> list[Job]:
    """Likewise, of so many a second."""
    before = rate(jobs)
    return stretched(jobs, before / calls_per_s) if before and calls_per_s else list(jobs)


def _at_once(jobs: Sequence[Job]) -> list[Job]:
    return [job if job.follows is not None else replace(job, at=0.0) for job in jobs]


def _at_most(there: World) -> int:
    return sum(each.spec.slots for each in there.inhabitants)
