"""What time alone changes in a fleet, and that learning of it takes no walk over its nodes."""

import math
import random
import time

from coordinator.core.call import Place
from coordinator.core.fleet import Fleet
from coordinator.core.limits import Limits
from shared.names import NodeId, normalise
from tests.fakes.builders import MODEL, a_beat, an_address, with_loaded


def place(number: int, engine: str = "ollama") -> Place:
    return Place(NodeId(f"n{number}"), engine, normalise(MODEL))


def fleet_of(nodes: int) -> Fleet:
    fleet, engine = Fleet(Limits(forget_s=1_000.0)), with_loaded()
    for number in range(nodes):
        fleet.heard(a_beat(f"n{number}", engine), an_address(f"n{number}"), 0.0)
    fleet.changed.clear()
    return fleet


def test_time_touches_the_nodes_whose_trouble_is_over_and_no_other() -> None:
    chance, fleet, ends = random.Random(1), fleet_of(8), dict.fromkeys(range(8), math.inf)
    for now in map(float, range(300)):
        number, until = chance.randrange(8), now + chance.randint(1, 20)
        if chance.random() < 0.5:
            fleet.nodes[place(number).node_id].trouble(place(number), until)
            ends[number] = until if ends[number] == math.inf else max(until, ends[number])
        elif chance.random() < 0.3:
            fleet.nodes[place(number).node_id].trouble_over(place(number))
            ends[number] = math.inf
        fleet.changed.clear()
        assert fleet.next_change_at <= min(ends.values())
        fleet.time_passed(now)
        over = {each for each, end in ends.items() if end <= now}
        assert fleet.changed == {place(each).node_id for each in over}
        ends.update(dict.fromkeys(over, math.inf))


def test_a_node_that_is_forgotten_takes_its_trouble_along() -> None:
    fleet = fleet_of(1)
    fleet.nodes[NodeId("n0")].trouble(place(0), 2_000.0)
    fleet.forget(1_500.0)
    fleet.time_passed(3_000.0)
    assert not fleet.nodes


def test_the_end_of_a_trouble_costs_no_walk_over_the_fleet() -> None:
    nodes, best_s = 2_000, math.inf
    fleet = fleet_of(nodes)
    for attempt in range(3):
        start = 100.0 * attempt
        for number in range(100):
            fleet.nodes[NodeId(f"n{number}")].trouble(place(number), start + number)
        began = time.perf_counter()
        for number in range(100):
            fleet.time_passed(start + number)
        best_s = min(best_s, time.perf_counter() - began)
    assert best_s < 0.010, f"{best_s * 1e3:.1f} ms for 100 ends among {nodes} nodes"
