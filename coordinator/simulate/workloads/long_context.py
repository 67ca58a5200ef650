"""Ordinary calls, and a few whose prompts are books."""

from random import Random

from msgspec.structs import replace

from coordinator.simulate.fleets import FleetSpec
from coordinator.simulate.workloads.jobs import Job, Mix
from coordinator.simulate.workloads.poisson import poisson

LONG_SHARE = 0.05
LONG_TOKENS = (16_000, 64_000)


def long_context(fleet: FleetSpec, calls: int, chance: Random) -> list[Job]:
    """One a second, on average."""
    mix = Mix(fleet, chance)
    limits = {model.name: model.max_context for model in fleet.model}
    jobs = poisson(fleet, calls, chance)
    for number, job in enumerate(jobs):
        if chance.random() < LONG_SHARE:
            prompt = min(chance.randint(*LONG_TOKENS), limits[job.model] // 2)
            jobs[number] = replace(job, prompt=prompt, estimated=mix.guess(prompt), app="long")
    return jobs
