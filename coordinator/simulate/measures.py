"""What a run was like for those who called, as figures."""

import math
from collections.abc import Iterable, Sequence
from statistics import fmean

from msgspec import Struct

from coordinator.simulate.calls import Record
from coordinator.simulate.run import Ran
from coordinator.simulate.world import Alone


class Times(Struct, frozen=True):
    """Seconds, over calls that were answered; 0 where none was."""

    mean: float
    p50: float
    p95: float
    p99: float


class Measures(Struct, frozen=True, kw_only=True):
    """Of one policy in one world under one workload."""

    policy: str
    calls: int
    completed: int
    lost: int
    """Refused or failed."""
    ttft_s: Times
    """From arrival to the first byte."""
    total_s: Times
    """From arrival to the last."""
    cold_loads: int
    evictions: int
    moved: int
    """Calls that were tried on more than one machine."""
    fairness: float
    """Jain's index over the clients' mean slowdowns, from 1/clients (one bears it all) to 1 (all alike). A call's
    slowdown is its total time over its bound."""
    slowdown: float
    """Mean over the answered calls."""
    seconds: float
    """Of the world, until the last call had ended."""


BOUND = "bound"


def measured(policy: str, ran: Ran, bounds: Sequence[Alone]) -> Measures:
    """Of a run. `bounds`: of its calls, in their order."""
    answered = [
        (record, alone)
        for record, alone in zip(ran.records, bounds, strict=True)
        if record.end == "completed"
    ]
    slowdowns = [(record.ended_at - record.arrived_at) / alone.total_s for record, alone in answered]
    return Measures(
        policy=policy,
        calls=len(ran.records),
        completed=len(answered),
        lost=len(ran.records) - len(answered),
        ttft_s=times([_ttft(record) for record, _ in answered]),
        total_s=times([record.ended_at - record.arrived_at for record, _ in answered]),
        cold_loads=sum(each.loads for each in ran.machines),
        evictions=sum(each.evictions for each in ran.machines),
        moved=sum(record.placements > 1 for record in ran.records),
        fairness=fairness([record.job.client for record, _ in answered], slowdowns),
        slowdown=fmean(slowdowns) if slowdowns else 0.0,
        seconds=ran.seconds,
    )


def of_bound(bounds: Sequence[Alone], ran: Sequence[Ran] = ()) -> Measures:
    """Each call alone on its best machine, with its model loaded. A call that some policy lost is left out: it would be
    in no mean but this.
    """
    calls, bounds = (
        len(bounds),
        [each for at, each in enumerate(bounds) if all(_answered(one, at) for one in ran)],
    )
    return Measures(
        policy=BOUND,
        calls=calls,
        completed=len(bounds),
        lost=calls - len(bounds),
        ttft_s=times([each.ttft_s for each in bounds]),
        total_s=times([each.total_s for each in bounds]),
        cold_loads=0,
        evictions=0,
        moved=0,
        fairness=1.0,
        slowdown=1.0,
        seconds=0.0,
    )


def _answered(ran: Ran, at: int) -> bool:
    return ran.records[at].end == "completed"


def times(seconds: Iterable[float]) -> Times:
    """Percentiles are those of the nearest rank."""
    ordered = sorted(seconds)
    if not ordered:
        return Times(0.0, 0.0, 0.0, 0.0)
    return Times(fmean(ordered), *(percentile(ordered, part) for part in (0.5, 0.95, 0.99)))


def percentile(ordered: Sequence[float], part: float) -> float:
    """The least value that at least this part of them does not exceed."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def fairness(clients: Sequence[str], slowdowns: Sequence[float]) -> float:
    """Jain's index, (sum x)^2 / (n sum x^2), over each client's mean slowdown x; 1 where nobody called."""
    of_client: dict[str, list[float]] = {}
    for client, slowdown in zip(clients, slowdowns, strict=True):
        of_client.setdefault(client, []).append(slowdown)
    means = [fmean(each) for _, each in sorted(of_client.items())]
    squares = sum(each * each for each in means)
    return sum(means) ** 2 / (len(means) * squares) if squares else 1.0


def _ttft(record: Record) -> float:
    assert record.first_byte_at is not None  # noqa: S101 - it was answered
    return record.first_byte_at - record.arrived_at
