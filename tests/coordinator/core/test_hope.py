"""What a node may be hoped to do of which nothing is known."""

from coordinator.core.hope import FROM, LEAST, Hope
from coordinator.core.learned import Figure
from shared.names import NodeId
from tests.coordinator.core.test_predictive import node, predicting, run_calls
from tests.fakes.builders import with_loaded

ONE, OTHER = NodeId("one"), NodeId("other")


def figure(value: float, samples: int = FROM) -> Figure:
    made = Figure()
    for _ in range(samples):
        made.add(value)
    return made


def test_the_best_that_was_measured_is_hoped_for() -> None:
    hope = Hope()
    assert hope.value == 1.0, "nothing is known: what is claimed"
    assert hope.learned(ONE, figure(0.8))
    assert hope.learned(OTHER, figure(0.6))
    assert hope.value == 0.6
    assert hope.forget(OTHER)
    assert hope.value == 0.8


def test_nobody_is_hoped_to_be_worse_than_he_claims_or_twice_as_good() -> None:
    hope = Hope()
    assert not hope.learned(ONE, figure(3.0)), "a liar says nothing of others"
    assert hope.learned(OTHER, figure(0.01))
    assert hope.value == LEAST


def test_a_few_calls_and_small_changes_count_for_nothing() -> None:
    hope = Hope()
    assert not hope.learned(ONE, figure(0.7, FROM - 1))
    assert hope.learned(ONE, figure(0.7))
    assert not hope.learned(ONE, figure(0.69))
    assert hope.value == 0.7


def test_a_node_that_nobody_tried_is_tried_where_calls_come_one_by_one() -> None:
    """The known one is better than it claims; the other claims as much, and is better still."""
    desk = predicting(node("known", with_loaded(), gbps=200.0), node("untried", with_loaded(), gbps=200.0))
    went = run_calls(desk, {"known": 0.010, "untried": 0.006}, 30)
    assert went[0] == "known"
    assert set(went[20:]) == {"untried"}


def test_a_node_that_is_worse_is_tried_once_or_twice() -> None:
    desk = predicting(node("known", with_loaded(), gbps=200.0), node("untried", with_loaded(), gbps=200.0))
    went = run_calls(desk, {"known": 0.010, "untried": 0.060}, 40)
    assert 1 <= went.count("untried") <= 3
