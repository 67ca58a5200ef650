"""Figures, against ones that can be worked out by hand."""

import math

import pytest
from msgspec.structs import replace

from coordinator.core.limits import Limits
from coordinator.core.policies.weighted import Weighted
from coordinator.simulate.compare import gains, interval
from coordinator.simulate.load import LOADS, at_load, saturation
from coordinator.simulate.measures import Measures, Times, fairness, of_bound, percentile, times
from coordinator.simulate.run import run
from coordinator.simulate.workloads import workload
from coordinator.simulate.workloads.jobs import rate
from coordinator.simulate.world import Alone, bounds
from tests.coordinator.simulate.worlds import a_fleet, a_job, a_world, nodes


def test_percentiles_are_values_that_were_measured() -> None:
    ordered = [float(each) for each in range(1, 101)]
    assert [percentile(ordered, part) for part in (0.5, 0.95, 0.99, 1.0)] == [50.0, 95.0, 99.0, 100.0]
    assert percentile([7.0], 0.5) == 7.0
    assert times([3.0, 1.0, 2.0]) == Times(2.0, 2.0, 3.0, 3.0)
    assert times([]) == Times(0.0, 0.0, 0.0, 0.0)


def test_fairness_is_by_client_and_not_by_call() -> None:
    assert fairness(["a", "b", "b"], [2.0, 1.0, 3.0]) == pytest.approx(1.0)
    assert fairness(["a", "b"], [1.0, 3.0]) == pytest.approx(16 / 20)
    assert fairness([], []) == 1.0


def test_the_bound_leaves_out_what_a_policy_lost() -> None:
    there = a_world(a_fleet(nodes(1)))
    jobs = [a_job(at=float(number)) for number in range(6)]
    alone = bounds(there, jobs)
    whole, part = (run(there, jobs, Weighted, Limits(), until) for until in (math.inf, 3.0))
    answered = sum(record.end == "completed" for record in part.records)
    assert 0 < answered < 6
    assert (of_bound(alone, [whole]).completed, of_bound(alone, [whole]).lost) == (6, 0)
    assert (of_bound(alone, [whole, part]).completed, of_bound(alone, [whole, part]).lost) == (
        answered,
        6 - answered,
    )


def a_measure(policy: str, mean: float, p95: float) -> Measures:
    """With nothing else that matters."""
    found = of_bound([Alone(1.0, 1.0)])
    return replace(found, policy=policy, total_s=Times(mean, 0.0, 0.0, 0.0), ttft_s=Times(0.0, 0.0, p95, 0.0))


def test_gains_are_geometric_over_loads_with_an_interval_over_seeds() -> None:
    cells = {
        seed: [
            {"weighted": a_measure("weighted", 4.0, 1.0), "other": a_measure("other", slower, 1.0)}
            for slower in (1.0, last)
        ]
        for seed, last in ((1, 4.0), (2, 1.0))
    }
    mean, ttft = gains(cells, "weighted")["other"]
    assert mean.mean == pytest.approx(math.exp((math.log(2) + math.log(4)) / 2))
    half = 12.706 * (math.log(4) - math.log(2)) / math.sqrt(2) / math.sqrt(2)
    assert mean.high == pytest.approx(mean.mean * math.exp(half))
    assert mean.low == pytest.approx(mean.mean * math.exp(-half))
    assert (ttft.low, ttft.mean, ttft.high) == (1.0, 1.0, 1.0)
    assert interval([5.0]) == 0.0
    assert interval([0.0, 1.0] * 10) == pytest.approx(2.093 * math.sqrt(5 / 19) / math.sqrt(20))


def test_saturation_is_what_the_machines_can_do() -> None:
    fleet = a_fleet(nodes(3))
    there, jobs = a_world(fleet), [a_job(float(number)) for number in range(300)]
    one_s = sum(there.inhabitants[0].truth.alone_s(10**9, 200, 50))
    assert saturation(there, jobs, Limits()) == pytest.approx(3 / one_s, rel=0.03)


def test_beyond_saturation_calls_end_no_faster_than_it() -> None:
    fleet = a_fleet(nodes(2))
    there, jobs = a_world(fleet), workload("poisson", fleet, 400, 1)
    saturated = saturation(there, jobs, Limits())
    for load in LOADS:
        pressed = at_load(jobs, saturated, load)
        assert rate(pressed) == pytest.approx(saturated * load, rel=0.01)
    seconds = run(there, pressed, Weighted, Limits()).seconds
    assert LOADS[-1] > 1
    assert len(jobs) / seconds < 1.05 * saturated
