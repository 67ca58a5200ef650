"""How many calls of one node teach anything: those beyond would only push each other out of what is kept."""

from coordinator.core.call import Placed, Tokens
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits, Weights
from coordinator.core.node import MOST_TAUGHT, TAUGHT_STEP_S
from shared.names import ModelName, NodeId
from tests.fakes.builders import a_beat, a_call, join, with_loaded

NOW = 100.0


def test_a_node_teaches_so_many_times_within_a_step_and_again_in_the_next() -> None:
    desk = Desk(Limits(), Weights(), 0.0)
    join(desk, a_beat("n1", with_loaded(slots=8)))
    node = desk.fleet.nodes[NodeId("n1")]
    assert [node.teaches(NOW) for _ in range(MOST_TAUGHT + 2)] == [True] * MOST_TAUGHT + [False] * 2
    assert node.teaches(NOW + 2 * TAUGHT_STEP_S)


def test_a_call_beyond_is_counted_all_the_same_and_changes_no_figure() -> None:
    desk = Desk(Limits(), Weights(), 0.0)
    join(desk, a_beat("n1", with_loaded(slots=8)), NOW - 2)
    p75 = [_ran(desk, number, seconds=0.5) for number in range(MOST_TAUGHT)][-1]
    assert _ran(desk, MOST_TAUGHT, seconds=1.5) == p75
    assert desk.completed == MOST_TAUGHT + 1


def _ran(desk: Desk, number: int, *, seconds: float) -> float | None:
    """One call that ends at NOW; what calls of its model take there, as it is known then."""
    call = a_call(f"c{number}")
    (placed,) = desk.arrived(call, NOW - seconds)
    assert isinstance(placed, Placed)
    place = placed.placement.place
    desk.first_byte(call.id, NOW)
    desk.finished(call.id, NOW, tokens=Tokens(10, 20))
    return desk.fleet.latencies.p75(place.node_id, ModelName(place.model))
