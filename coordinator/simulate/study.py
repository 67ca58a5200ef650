"""What is simulated together: seeds, loads and policies over one fleet and one workload."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from statistics import fmean

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from coordinator.core.limits import Limits
from coordinator.simulate.compare import Cell, Gain, gains
from coordinator.simulate.entrants import entered
from coordinator.simulate.fleets import FleetSpec
from coordinator.simulate.load import at_load, at_rate, saturation
from coordinator.simulate.measures import Measures, Times, measured, of_bound
from coordinator.simulate.run import HOLD_S, run
from coordinator.simulate.workloads import workload
from coordinator.simulate.workloads.jobs import Job, rate, stretched
from coordinator.simulate.world import bounds, world

BASE = "weighted"
"""What the others are compared with."""


class Asked(Struct, frozen=True, kw_only=True):
    """What is to be simulated."""

    fleet: str
    workload: str
    policies: tuple[str, ...]
    calls: int | None = None
    """None: all of a file."""
    seeds: tuple[int, ...] = (1,)
    loads: tuple[float, ...] = ()
    """Of saturation; empty: calls come at `rate`, or as the workload says."""
    rate: float | None = None
    """Calls a second."""
    scale: float = 1.0
    """Arrivals are so much farther apart, after all else."""
    hold_s: float = HOLD_S


class Outcome(Struct, frozen=True, kw_only=True):
    """Of one seed and load."""

    seed: int
    load: float | None
    rate: float
    """Calls a second."""
    saturation: float | None
    """Calls a second, of this fleet and workload; None: nobody asked."""
    policies: list[Measures]
    """With the bound, last."""


class Report(Struct, frozen=True):
    """All that was asked."""

    asked: Asked
    outcomes: list[Outcome]
    gains: dict[str, list[Gain]]
    """Of each policy over the base, where both were run."""


class BadReport(ValueError):
    """Not what a study told."""


Progress = Callable[[str], None]


def _silent(_text: str) -> None:
    """Nobody is told."""


def study(asked: Asked, fleet: FleetSpec, told: Progress = _silent, processes: int = 1) -> Report:
    """The same for the same `asked` and `fleet`, in however many processes; a seed is one's. Raises BadWorkload."""
    return _report(asked, [each for found in _by_seed(asked, fleet, told, processes) for each in found])


def _report(asked: Asked, outcomes: list[Outcome]) -> Report:
    compared = len(asked.policies) > 1 and BASE in asked.policies
    return Report(asked, outcomes, gains(_cells(outcomes), BASE) if compared else {})


def stored(content: bytes) -> Report:
    """Of the JSON of a report. Raises BadReport."""
    try:
        report = msgspec.json.decode(content, type=Report)
    except msgspec.MsgspecError as error:
        raise BadReport(f"not what --json tells: {error}") from error
    names = [[found.policy for found in each.policies] for each in report.outcomes]
    if not names or not names[0] or any(each != names[0] for each in names):
        raise BadReport("not what --json tells: each outcome should have the same policies")
    return report


def together(reports: Sequence[Report]) -> Report:
    """Of parts of one study, each with seeds of its own. Raises BadReport where they are not."""
    first = reports[0].asked
    seeds = tuple(seed for each in reports for seed in each.asked.seeds)
    if any(replace(each.asked, seeds=first.seeds) != first for each in reports):
        raise BadReport("these are of different studies: only the seeds may differ")
    if len(set(seeds)) < len(seeds):
        raise BadReport("a seed is there twice")
    return _report(replace(first, seeds=seeds), [outcome for each in reports for outcome in each.outcomes])


def averaged(outcomes: Sequence[Outcome]) -> list[Measures]:
    """By policy, the means over outcomes of one load."""
    return [_mean(list(each)) for each in zip(*(outcome.policies for outcome in outcomes), strict=True)]


def _by_seed(asked: Asked, fleet: FleetSpec, told: Progress, processes: int) -> Iterator[list[Outcome]]:
    """In the order of the seeds. Processes begin anew, as they do on every system, rather than as forks."""
    most = min(processes, len(asked.seeds))
    if most <= 1:
        yield from (_of_seed(asked, fleet, seed, told) for seed in asked.seeds)
        return
    with ProcessPoolExecutor(most, get_context("spawn")) as pool:
        found = pool.map(partial(_of_seed, asked, fleet, told=_silent), asked.seeds)
        for done, each in enumerate(found, start=1):
            told(f"{done} of {len(asked.seeds)} seeds")
            yield each


def _of_seed(asked: Asked, fleet: FleetSpec, seed: int, told: Progress) -> list[Outcome]:
    there, bounded = world(fleet, seed), Limits(hold_s=asked.hold_s)
    jobs = workload(asked.workload, fleet, asked.calls, seed)
    saturated = None
    if asked.loads:
        told(f"seed {seed}: saturation")
        saturated = saturation(there, jobs, bounded)
    outcomes = []
    for load, timed in _timed(asked, jobs, saturated):
        alone, ran = bounds(there, timed), []
        for name in asked.policies:
            told(f"seed {seed}: {name}" + ("" if load is None else f" at load {load:g}"))
            ran.append(run(there, timed, entered(name, there, timed), bounded))
        found = [measured(name, each, alone) for name, each in zip(asked.policies, ran, strict=True)]
        outcomes.append(
            Outcome(
                seed=seed,
                load=load,
                rate=rate(timed),
                saturation=saturated,
                policies=[*found, of_bound(alone, ran)],
            )
        )
    return outcomes


def _timed(asked: Asked, jobs: list[Job], saturated: float | None) -> list[tuple[float | None, list[Job]]]:
    """The workload at each load."""
    if saturated is not None:
        timed = [(load, at_load(jobs, saturated, load)) for load in asked.loads]
        return [(load, stretched(each, asked.scale)) for load, each in timed]
    paced = at_rate(jobs, asked.rate) if asked.rate else jobs
    return [(None, stretched(paced, asked.scale))]


def _cells(outcomes: Sequence[Outcome]) -> dict[int, list[Cell]]:
    cells: dict[int, list[Cell]] = {}
    for each in outcomes:
        cells.setdefault(each.seed, []).append({found.policy: found for found in each.policies})
    return cells


def _mean(found: Sequence[Measures]) -> Measures:
    """Figures of one policy over seeds; counts are rounded."""

    def times(name: str) -> Times:
        all_of: list[Times] = [getattr(each, name) for each in found]
        return Times(*(fmean(getattr(each, part) for each in all_of) for part in Times.__struct_fields__))

    def count(name: str) -> int:
        return round(fmean(getattr(each, name) for each in found))

    return Measures(
        policy=found[0].policy,
        calls=count("calls"),
        completed=count("completed"),
        lost=count("lost"),
        ttft_s=times("ttft_s"),
        total_s=times("total_s"),
        cold_loads=count("cold_loads"),
        evictions=count("evictions"),
        moved=count("moved"),
        fairness=fmean(each.fairness for each in found),
        slowdown=fmean(each.slowdown for each in found),
        seconds=fmean(each.seconds for each in found),
    )
