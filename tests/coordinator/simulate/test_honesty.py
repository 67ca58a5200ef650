"""What must be true of any simulation, or its tables are stories."""

import math
from functools import partial
from statistics import fmean

import pytest

from coordinator.core.limits import Limits
from coordinator.core.policies.predictive import Predictive
from coordinator.simulate.clairvoyant import Informed, sight
from coordinator.simulate.compare import interval
from coordinator.simulate.entrants import ENTRANTS, entered
from coordinator.simulate.fleets import read
from coordinator.simulate.measures import measured
from coordinator.simulate.run import Ran, run
from coordinator.simulate.workloads import GENERATORS, workload
from coordinator.simulate.workloads.jobs import Job, stretched
from coordinator.simulate.world import bounds, world
from tests.coordinator.simulate.worlds import a_fleet, a_job, a_world, nodes, ran


def totals(found: Ran) -> list[float]:
    return [record.ended_at - record.arrived_at for record in found.records]


def test_one_call_alone_is_the_bound() -> None:
    fleet, jobs = a_fleet(nodes(1)), [a_job(0.0, prompt=300, answer=40)]
    found, (alone,) = ran(fleet, jobs), bounds(a_world(fleet), jobs)
    (record,) = found.records
    assert record.first_byte_at == pytest.approx(alone.ttft_s)
    assert record.ended_at == pytest.approx(alone.total_s)
    truth = a_world(fleet).inhabitants[0].truth
    assert alone.ttft_s == pytest.approx(300 / truth.prompt_tokens_per_s(10**9))
    assert alone.total_s - alone.ttft_s == pytest.approx(39 / truth.tokens_per_s(10**9))


@pytest.mark.parametrize("policy", list(ENTRANTS))
def test_on_equal_idle_nodes_every_policy_is_the_bound(policy: str) -> None:
    fleet = a_fleet(nodes(4))
    jobs = [a_job(number * 10.0, prompt=100 + number) for number in range(40)]
    there = world(fleet, 1)
    found = run(there, jobs, entered(policy, there, jobs), Limits())
    assert totals(found) == pytest.approx([each.total_s for each in bounds(there, jobs)])
    assert measured(policy, found, bounds(there, jobs)).slowdown == pytest.approx(1.0)


@pytest.mark.parametrize("policy", list(ENTRANTS))
def test_with_one_node_every_policy_is_the_same(policy: str) -> None:
    fleet = a_fleet(nodes(1))
    there, jobs = world(fleet, 1), stretched(workload("poisson", fleet, 60, 1), 2.0)
    base = run(there, jobs, entered("weighted", there, jobs), Limits())
    assert totals(run(there, jobs, entered(policy, there, jobs), Limits())) == totals(base)


@pytest.mark.parametrize("machines", [1, 3])
def test_more_load_never_shortens_the_mean(machines: int) -> None:
    fleet = a_fleet(nodes(machines))
    jobs = workload("poisson", fleet, 200, 1)
    means = [fmean(totals(ran(fleet, stretched(jobs, factor)))) for factor in (50.0, 4.0, 2.0, 1.0, 0.5)]
    assert means == sorted(means)
    assert means[-1] > 2 * means[0]


@pytest.mark.timeout(300)
def test_who_is_handed_the_truth_does_no_worse_than_who_has_to_learn_it() -> None:
    """Over worlds, loads and fleets taken together: in a single one luck may weigh more."""
    logs = []
    for fleet_name in ("home", "eight"):
        fleet = read(fleet_name)
        for seed in range(1, 5):
            there = world(fleet, seed)
            for factor in (12.0, 5.0):
                jobs = stretched(workload("poisson", fleet, 150, seed), factor)
                knowing = run(there, jobs, partial(Informed, seen=sight(there, jobs)), Limits())
                learning = run(there, jobs, Predictive, Limits())
                logs.append(math.log(fmean(totals(learning)) / fmean(totals(knowing))))
    gain = math.exp(fmean(logs))
    print(f"the truth is worth {gain:.3f} times")  # noqa: T201 - for a person
    assert gain >= 1.0, f"the truth makes it worse: {gain:.3f}"


@pytest.mark.parametrize("fleet_name", ["home", "eight"])
def test_a_fleet_that_has_learned_nothing_is_no_worse_off_with_seconds(fleet_name: str) -> None:
    """Its first forty calls, in fleets whose claims are wrong by a third and more."""
    fleet, logs = read(fleet_name), []
    for seed in range(1, 9):
        there, jobs = world(fleet, seed), stretched(workload("poisson", fleet, 40, seed), 8.0)
        points, seconds = (
            fmean(totals(run(there, jobs, entered(policy, there, jobs), Limits())))
            for policy in ("weighted", "predictive")
        )
        logs.append(math.log(points / seconds))
    gain, least = math.exp(fmean(logs)), math.exp(fmean(logs) - interval(logs))
    print(f"{fleet_name}, the first calls: {gain:.2f} times less, at least {least:.2f}")  # noqa: T201 - for a person
    assert least >= 1.0


@pytest.mark.parametrize("kind", list(GENERATORS))
def test_every_call_ends_once_and_busy_time_is_work_done(kind: str) -> None:
    fleet = read("eight")  # deaths and owners among them
    there, jobs = world(fleet, 3), stretched(workload(kind, fleet, 150, 3), 4.0)
    found = run(there, jobs, entered("weighted", there, jobs), Limits())
    assert {record.end for record in found.records} <= {"completed", "failed"}
    assert len(found.records) == len(jobs)
    single = [each for each in found.machines if each.name.startswith(("small", "laptop"))]
    assert sum(each.work_s for each in single) > 0
    for each in single:  # one slot a model: nothing is batched
        assert each.work_s == pytest.approx(each.busy_s)


def test_work_done_is_that_of_the_calls() -> None:
    fleet = a_fleet(nodes(3))
    jobs = workload("poisson", fleet, 100, 1)
    found = ran(fleet, jobs)
    alone = sum(each.total_s for each in bounds(a_world(fleet), jobs))
    assert sum(each.work_s for each in found.machines) == pytest.approx(alone)


@pytest.mark.parametrize("kind", list(GENERATORS))
def test_no_call_is_faster_than_its_bound(kind: str) -> None:
    fleet = read("home")
    there, jobs = world(fleet, 2), stretched(workload(kind, fleet, 120, 2), 4.0)
    found = run(there, jobs, entered("weighted", there, jobs), Limits())
    for record, alone in zip(found.records, bounds(there, jobs), strict=True):
        if record.end == "completed" and record.first_byte_at is not None:
            assert record.ended_at - record.arrived_at >= alone.total_s * (1 - 1e-9)


def test_what_is_true_is_not_what_is_claimed() -> None:
    fleet = read("thousand")
    claimed = [each.spec.bandwidth_gbps for each in world(fleet, 1).inhabitants]
    truths = [each.truth for each in world(fleet, 1).inhabitants]
    parts = [truth.decode_gbps / claim for truth, claim in zip(truths, claimed, strict=True)]
    honest = [part for part, truth in zip(parts, truths, strict=True) if not truth.lies]
    assert min(honest) < 0.75 * 0.7
    assert max(honest) > 0.75 * 1.3
    assert 50 < sum(truth.lies for truth in truths) < 110
    assert 100 < sum(truth.hot_after_s > 0 for truth in truths) < 220


def test_a_call_on_a_machine_that_dies_goes_elsewhere_or_is_told() -> None:
    fleet = a_fleet(nodes(2, deaths_per_hour=60.0, down_s=30.0))
    jobs: list[Job] = [a_job(number * 2.0, prompt=2_000, answer=200) for number in range(200)]
    found = ran(fleet, jobs)
    ends = [record.end for record in found.records]
    assert ends.count("completed") > 150
    assert "failed" in ends  # those that had begun to answer
    assert any(record.placements > 1 and record.end == "completed" for record in found.records)


def test_an_owner_who_comes_back_slows_the_machine() -> None:
    jobs = [a_job(number * 5.0) for number in range(100)]
    alone = fmean(totals(ran(a_fleet(nodes(1)), jobs)))
    owned = fmean(totals(ran(a_fleet(nodes(1, owner_per_hour=600.0, owner_s=600.0)), jobs)))
    assert owned > 1.5 * alone


def test_callers_who_are_refused_come_again() -> None:
    jobs = [a_job(0.0, prompt=10, answer=3_000) for _ in range(10)]
    found = ran(a_fleet(nodes(1)), jobs)
    assert {record.end for record in found.records} == {"completed"}
    assert max(totals(found)) > 10 * 30.0
    assert all(record.placements == 1 for record in found.records)


def test_what_follows_a_call_comes_after_its_end() -> None:
    fleet = a_fleet(nodes(1))
    found = ran(fleet, [a_job(0.0), a_job(3.0, follows=0), a_job(1.0, follows=1)])
    first, second, third = found.records
    assert second.arrived_at == pytest.approx(first.ended_at + 3.0)
    assert third.arrived_at == pytest.approx(second.ended_at + 1.0)


def test_a_conversation_reads_only_what_is_new() -> None:
    blocks = tuple(range(10))
    jobs = [
        a_job(0.0, prompt=10 * 512, blocks=blocks, session="s"),
        a_job(1.0, prompt=11 * 512, blocks=(*blocks, 10), session="s", continues=True, follows=0),
    ]
    first, second = ran(a_fleet(nodes(1)), jobs).records
    assert first.first_byte_at is not None
    assert second.first_byte_at is not None
    assert second.first_byte_at - second.arrived_at == pytest.approx(first.first_byte_at / 10)
