"""Machines among themselves and under the Desk: what the shells of a running coordinator would see."""

from collections.abc import Sequence
from random import Random

import pytest

from coordinator.core.desk import Desk
from coordinator.core.limits import Limits, Weights
from coordinator.simulate.calls import Calls
from coordinator.simulate.clock import Clock
from coordinator.simulate.engine import Request
from coordinator.simulate.fleets import on_disk, read
from coordinator.simulate.machine import Machine, Told
from coordinator.simulate.nodes import Nodes
from coordinator.simulate.workloads import workload
from coordinator.simulate.workloads.jobs import Job
from coordinator.simulate.world import bounds, world
from shared.errors import GatewayBroke
from tests.coordinator.simulate.worlds import MACHINE, MODEL, a_fleet, a_job, a_world, nodes, ran


def a_machine() -> Machine:
    """With its model in memory, and one slot."""
    fleet = a_fleet(MACHINE)
    (one,) = a_world(fleet).inhabitants
    return Machine(one.name, one.spec, one.truth, fleet)


def a_request(call_id: str) -> Request:
    return Request(call_id, MODEL.name, 200, 50, (), 0)


def test_a_call_that_is_given_up_leaves_its_slot_to_the_next() -> None:
    machine = a_machine()
    machine.ask(a_request("a"), 0.0)
    machine.ask(a_request("b"), 0.0)
    machine.advance(0.1)
    machine.give_up("a", 0.1)
    told = []
    while (at := machine.next_at()) < float("inf"):
        told += machine.advance(at)
    assert [(each.told, each.call_id) for each in told] == [(Told.FIRST_BYTE, "b"), (Told.FINISHED, "b")]
    assert machine.busy_s == pytest.approx(0.1 + sum(machine.truth.alone_s(10**9, 200, 50)))


def test_a_beat_tells_what_is_in_memory_and_what_is_left() -> None:
    machine = a_machine()
    beat = machine.beat(0.0)
    (engine,) = beat.engines
    assert [each.model for each in engine.replicas] == [MODEL.name]
    assert beat.memory.available_bytes == 62 * 10**9 - engine.replicas[0].size_bytes
    assert (beat.epoch, beat.seq, machine.beat(5.0).seq) == (1, 1, 2)
    machine.dies()
    machine.comes_back()
    beat = machine.beat(9.0)
    assert (beat.epoch, beat.seq, beat.engines[0].replicas) == (2, 1, [])


@pytest.mark.parametrize("seed", range(1, 9))
def test_the_bound_is_the_best_of_all_machines(seed: int) -> None:
    fleet = read("eight")
    there, jobs = world(fleet, seed), workload("poisson", fleet, 50, seed)
    sizes = {model.name: model.size_bytes for model in fleet.model}
    for job, alone in zip(jobs, bounds(there, jobs), strict=True):
        able = [
            each for each in there.inhabitants if job.model in {m.name for m in on_disk(fleet, each.spec)}
        ]
        seconds = [sum(each.truth.alone_s(sizes[job.model], job.prompt, job.answer)) for each in able]
        assert alone.total_s == pytest.approx(min(seconds))


def test_a_beginning_that_conversations_share_may_be_cached_for_any_of_them() -> None:
    there = a_world(a_fleet(nodes(1)))
    prompts = {"a": (1, 2, 3), "b": (1, 2, 9)}
    jobs = [a_job(prompt=4 * 512, blocks=each, session=name) for name, each in prompts.items()]
    plain = a_job(prompt=2 * 512)
    first, second, rest = bounds(there, [*jobs, plain])
    assert first.ttft_s == second.ttft_s == pytest.approx(rest.ttft_s)


def test_liars_have_a_third() -> None:
    fleet = a_fleet(nodes(50, liars=0.5))
    speeds = {each.truth.lies: each.truth.decode_gbps for each in a_world(fleet).inhabitants}
    assert speeds[True] == pytest.approx(speeds[False] / 3)


def test_an_answer_that_comes_slowly_is_no_dead_one() -> None:
    fleet = a_fleet(nodes(1, bandwidth_gbps=1.0))
    (record,) = ran(fleet, [a_job(answer=1_000)]).records
    assert record.end == "completed"
    assert record.ended_at > 2 * Limits().stale_s


def poisson(calls: int, gap_s: float) -> Sequence[Job]:
    """Jobs of one kind."""
    chance, at, jobs = Random(1), 0.0, []
    for _ in range(calls):
        at += chance.expovariate(1 / gap_s)
        jobs.append(a_job(at))
    return jobs


def test_a_runner_up_is_loaded_while_calls_wait() -> None:
    warm = nodes(1)
    cold = nodes(1, name="cold", loaded=[], disk_gbps=0.5)
    found = ran(a_fleet(warm, cold), poisson(200, 0.4))
    assert [each.loads for each in found.machines] == [0, 1]
    begun = [each.first_byte_at for each in found.records if each.node == "cold" and each.first_byte_at]
    assert min(begun) < Limits().hold_s  # none had to come to its last chance


class Paused:
    """A simulation that stands still while its one call runs."""

    def __init__(self) -> None:
        clock = Clock()
        self.desk = Desk(Limits(), Weights(), 0.0)
        self.calls = Calls([a_job()], self.desk, clock)
        there = Nodes(a_world(a_fleet(nodes(2))), self.desk, self.calls, clock)
        self.calls.begin(there)
        clock.run(over=lambda: bool(self.calls.records[0].placements))


def test_the_failure_of_an_earlier_attempt_is_none_of_the_latest() -> None:
    paused = Paused()
    (record,) = paused.calls.records
    paused.calls.failed("c0", record.attempt - 1, GatewayBroke("gone"))
    assert record.placements == 1
    first = record.node
    paused.calls.failed("c0", record.attempt, GatewayBroke("gone"))
    assert record.placements == 2
    assert record.node != first


def test_idle_machines_are_not_heard_while_a_last_call_is_written() -> None:
    """A run of a thousand nodes would be mostly that."""
    fleet = a_fleet(nodes(2))
    found = ran(fleet, [a_job(0.0), a_job(100.0, prompt=10, answer=18_000)])
    assert found.seconds > 300.0
    beats = sorted(machine.beat(found.seconds).seq for machine in found.machines)
    assert beats[1] > 50
    assert beats[0] < 30
    assert beats[0] > 20, "until then they are"
