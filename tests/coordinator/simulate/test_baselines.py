"""Policies that know little, on places that differ in what they look at."""

from collections import Counter
from random import Random
from typing import NamedTuple

from coordinator.core.call import Place
from coordinator.core.candidate import Candidate
from coordinator.simulate.baselines import Chance, LeastConnections, RoundRobin, TwoChoices
from tests.fakes.builders import a_call, a_candidate


class Option(NamedTuple):
    """As a Desk would offer it."""

    candidate: Candidate

    @property
    def place(self) -> Place:
        return self.candidate.place


def options(*running: int) -> list[Option]:
    """Nodes with so many calls: n0, n1, ..."""
    return [Option(a_candidate(f"n{index}", node_in_flight=calls)) for index, calls in enumerate(running)]


def names(ordered: list[Option]) -> list[str]:
    return [each.place.node_id for each in ordered]


def test_round_robin_takes_machines_in_turn_also_where_some_are_left_out() -> None:
    policy, all_of = RoundRobin(), options(0, 9, 0)
    firsts = [names(policy.order(all_of, a_call(), 0.0))[0] for _ in range(4)]
    assert firsts == ["n0", "n1", "n2", "n0"]
    assert names(policy.order(all_of[:1] + all_of[2:], a_call(), 0.0)) == ["n2", "n0"]
    assert policy.order([], a_call(), 0.0) == []


def test_random_is_even_and_repeats_with_its_seed() -> None:
    policy, again = Chance(Random(1)), Chance(Random(1))
    firsts = [names(policy.order(options(0, 9, 0), a_call(), 0.0))[0] for _ in range(3_000)]
    assert all(900 < count < 1_100 for count in Counter(firsts).values())
    assert firsts == [names(again.order(options(0, 9, 0)[::-1], a_call(), 0.0))[0] for _ in range(3_000)]


def test_least_connections_counts_the_calls_of_a_machine() -> None:
    assert names(LeastConnections().order(options(2, 0, 1), a_call(), 0.0)) == ["n1", "n2", "n0"]


def test_the_better_of_two_choices_is_never_the_worst_of_all() -> None:
    policy = TwoChoices(Random(1))
    firsts = Counter(names(policy.order(options(5, 0, 2, 3), a_call(), 0.0))[0] for _ in range(3_000))
    assert firsts["n0"] == 0
    assert firsts["n1"] > firsts["n2"] > firsts["n3"] > 0
