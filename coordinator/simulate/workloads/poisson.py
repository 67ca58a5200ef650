"""Calls that know nothing of each other."""

from random import Random

from coordinator.simulate.fleets import FleetSpec
from coordinator.simulate.workloads.jobs import Job, Mix


def poisson(fleet: FleetSpec, calls: int, chance: Random) -> list[Job]:
    """One a second, on average."""
    mix, at, jobs = Mix(fleet, chance), 0.0, []
    for _ in range(calls):
        at += chance.expovariate(1.0)
        jobs.append(mix.call(at))
    return jobs
