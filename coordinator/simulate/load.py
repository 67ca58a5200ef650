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
MIDDLE = (0.25, 0.75)
"""Of the calls, in the order of their ends: what is measured. Before, models load; after, machines run empty."""


def saturation(there: World, jobs: Sequence[Job], bounded: Limits) -> float:
    """Calls a second that end while there are always more: the first of the workload all come at once, under policy
    `weighted`, and the middle half of their ends is counted.
    """
    sample = _at_once(jobs[: max(SAMPLE_LEAST, SAMPLE_A_PLACE * _at_most(there))])
    ends = sorted(record.ended_at for record in run(there, sample, Weighted, bounded).records)
    first, last = (int(part * (len(ends) - 1)) for part in MIDDLE)
    return (last - first) / (ends[last] - ends[first]) if ends[last] > ends[first] else 0.0


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
