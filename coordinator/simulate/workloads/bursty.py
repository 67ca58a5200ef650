"""Calls that come in bursts, as those of a team do after a meeting."""

from random import Random

from coordinator.simulate.fleets import FleetSpec
from coordinator.simulate.workloads.jobs import Job, Mix

BURST = 5.0
"""Times the mean rate, while a burst lasts."""
LULL = 0.2
BURST_CALLS = 30
"""Of a burst, on average."""


def bursty(fleet: FleetSpec, calls: int, chance: Random) -> list[Job]:
    """One a second, on average over bursts and lulls."""
    mix, at, jobs = Mix(fleet, chance), 0.0, list[Job]()
    burst_s = BURST_CALLS / BURST
    lull_s = burst_s * (BURST - 1) / (1 - LULL)
    bursting, until = False, chance.expovariate(1 / lull_s)
    while len(jobs) < calls:
        gap = chance.expovariate(BURST if bursting else LULL)
        if at + gap > until:  # the rate is another one from there on; gaps have no memory
            at, bursting = until, not bursting
            until += chance.expovariate(1 / (burst_s if bursting else lull_s))
            continue
        at += gap
        jobs.append(mix.call(at))
    return jobs
