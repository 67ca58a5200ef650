"""Policies that know little, on places that differ in what they look at."""

from collections import Counter
from random import Random

from coordinator.core.desk import Desk
from coordinator.core.fleet import Fleet
from coordinator.core.limits import Limits, Weights
from coordinator.core.policies.policy import MakePolicy
from coordinator.simulate.baselines import Chance, LeastConnections, RoundRobin, TwoChoices
from shared.names import CallId
from tests.fakes.builders import a_beat, a_call, join, told, with_loaded

MANY = 64


def desk(policy: MakePolicy, nodes: int = 3) -> Desk:
    made = Desk(Limits(beat_late_s=1e9, lease_s=1e9), Weights(), now=0.0, policy=policy)
    for number in range(nodes):
        join(made, a_beat(f"n{number}", with_loaded(slots=MANY)))
    return made


def chance(kind: type[Chance], seed: int = 1) -> MakePolicy:
    def made(fleet: Fleet, weights: Weights) -> Chance:
        return kind(fleet, weights, Random(seed))

    return made


def places(made: Desk, count: int, *, ends: bool = True) -> list[str]:
    """Where calls go, one after another."""
    found = []
    for number in range(count):
        (word,) = told(made.arrived(a_call(f"c{number}"), float(number)))
        found.append(word.removeprefix(f"c{number} on "))
        if ends:
            made.finished(CallId(f"c{number}"), number + 0.5)
    return found


def test_round_robin_takes_machines_in_turn() -> None:
    assert places(desk(RoundRobin), 7) == ["n0", "n1", "n2", "n0", "n1", "n2", "n0"]


def test_random_is_even_and_repeats_with_its_seed() -> None:
    found = places(desk(chance(Chance)), 900)
    assert all(240 < count < 360 for count in Counter(found).values())
    assert found == places(desk(chance(Chance)), 900)
    assert found != places(desk(chance(Chance, seed=2)), 900)


def test_least_connections_counts_the_calls_of_a_machine() -> None:
    made = desk(LeastConnections)
    places(made, 30, ends=False)
    assert [node.in_flight.total() for node in made.fleet.nodes.values()] == [10, 10, 10]


def test_two_choices_keep_machines_nearly_even_where_chance_does_not() -> None:
    def apart(policy: MakePolicy) -> int:
        made = desk(policy, nodes=8)
        places(made, 240, ends=False)
        running = [node.in_flight.total() for node in made.fleet.nodes.values()]
        return max(running) - min(running)

    assert apart(chance(TwoChoices)) <= 3
    assert apart(chance(Chance)) >= 6
