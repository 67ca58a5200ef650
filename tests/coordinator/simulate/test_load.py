"""What a fleet can keep up with: below it no queue grows, above it one does, and one slow machine is not the fleet."""

from statistics import fmean

import pytest
from msgspec.structs import replace

from coordinator.core.limits import Limits
from coordinator.simulate.calls import Record
from coordinator.simulate.fleets import App, FleetSpec, ModelSpec
from coordinator.simulate.load import at_load, kept_up, saturation
from coordinator.simulate.workloads import workload
from coordinator.simulate.workloads.jobs import rate
from coordinator.simulate.world import bounds
from tests.coordinator.simulate.worlds import MACHINE, MODEL, a_fleet, a_world, nodes, ran

RARE = ModelSpec(name="rare:8b", size_gb=8.0, share=0.1, apps=(App(prompt=200, answer=50),))


def measured(fleet: FleetSpec, calls: int = 600) -> float:
    return saturation(a_world(fleet), workload("poisson", fleet, calls, 1), Limits())


def per_s(fleet: FleetSpec, model: str) -> float:
    """Calls of all models a second, at which one machine has just enough to do with that model's."""
    jobs = workload("poisson", fleet, 600, 1)
    work = [
        alone.total_s
        for alone, job in zip(bounds(a_world(fleet), jobs), jobs, strict=True)
        if job.model == model
    ]
    return len(jobs) / sum(work)


@pytest.mark.parametrize("machines", [1, 3])
def test_equal_machines_keep_up_with_what_they_can_do_together(machines: int) -> None:
    fleet = a_fleet(nodes(machines))
    assert measured(fleet) == pytest.approx(machines * per_s(fleet, MODEL.name), rel=0.15)


def test_the_model_that_is_shortest_of_machines_decides() -> None:
    many = replace(MACHINE, name="many", count=8, models=[MODEL.name])
    one = replace(MACHINE, name="one", models=[RARE.name], loaded=[RARE.name])
    fleet = a_fleet(many, one, models=(replace(MODEL, share=0.9), RARE))
    assert measured(fleet) == pytest.approx(per_s(fleet, RARE.name), rel=0.2)
    assert measured(fleet) < 0.5 * 8 * per_s(fleet, MODEL.name)


def test_one_machine_that_is_slow_to_end_does_not_hide_what_the_others_do() -> None:
    fleet = a_fleet(nodes(6), replace(MACHINE, name="slow", bandwidth_gbps=1.0))
    assert measured(fleet) > 0.8 * measured(a_fleet(nodes(6)))


def test_below_it_calls_wait_no_longer_when_there_are_more_of_them_and_above_it_they_do() -> None:
    fleet = a_fleet(nodes(3), spread=(0.5, 1.6))
    jobs, there = workload("poisson", fleet, 1_200, 1), a_world(fleet)
    saturated = saturation(there, jobs[:600], Limits())

    def wait(load: float, calls: int) -> float:
        """Seconds, of the last third."""
        records = ran(fleet, at_load(jobs[:calls], saturated, load)).records
        return fmean(_wait(each) for each in records[-calls // 3 :])

    assert wait(0.9, 1_200) < 1.5 * wait(0.9, 600)
    assert wait(1.2, 1_200) > 1.5 * wait(1.2, 600) > 3 * wait(0.9, 600)


def test_what_keeps_up_is_told_by_what_begins() -> None:
    fleet = a_fleet(nodes(2))
    jobs, there = workload("poisson", fleet, 300, 1), a_world(fleet)
    can = 2 * per_s(fleet, MODEL.name)
    parts = [kept_up(there, at_load(jobs, can, load), Limits()) for load in (0.5, 2.0, 4.0)]
    assert parts[0] == pytest.approx(1.0, abs=0.03)
    assert parts[1:] == pytest.approx([0.5, 0.25], rel=0.15)


def test_one_call_can_be_measured() -> None:
    fleet = a_fleet(nodes(1))
    jobs = workload("poisson", fleet, 1, 1)
    assert saturation(a_world(fleet), jobs, Limits()) > 0
    assert rate(jobs) == 0


def _wait(record: Record) -> float:
    assert record.first_byte_at is not None
    return record.first_byte_at - record.arrived_at
