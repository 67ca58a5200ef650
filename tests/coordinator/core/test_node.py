"""What a beat makes of a node: its places, slots and contexts."""

from coordinator.core import latencies as kept
from coordinator.core.latencies import Latencies
from coordinator.core.limits import Limits
from coordinator.core.node import GONE_KEPT, UNLOADED_KEPT, Node
from shared.names import NodeId, normalise
from shared.wire import Engine
from tests.fakes.builders import MODEL, a_beat, a_model, a_replica, an_engine


def a_node(*engines: Engine) -> Node:
    return Node(a_beat("n1", *engines), "http://n1:11436", 0.0)


def test_slots_are_the_replicas_or_what_the_engine_would_offer() -> None:
    node = a_node(
        an_engine(a_model(), replicas=[a_replica(slots=2), a_replica(slots=3)], name="one", slots=4),
        an_engine(a_model(), name="two", slots=4),
    )
    one, two = node.spots[normalise(MODEL)]
    assert (one.slots, two.slots) == (5, 4)
    assert (bool(one.replicas), bool(two.replicas)) == (True, False)


def test_the_context_is_that_of_the_smallest_replica() -> None:
    replicas = [a_replica(context=8192), a_replica(context=4096), a_replica(context=None)]
    (spot,) = a_node(an_engine(a_model(), replicas=replicas)).spots[normalise(MODEL)]
    assert spot.context_length == 4096
    (unknown,) = a_node(an_engine(a_model())).spots[normalise(MODEL)]
    assert unknown.context_length is None


def test_names_are_compared_with_their_tag() -> None:
    node = a_node(an_engine(a_model("llama3.2"), replicas=[a_replica("llama3.2:latest", slots=2)]))
    ((name, (spot,)),) = node.spots.items()
    assert (name, spot.slots, spot.model.name) == ("llama3.2:latest", 2, "llama3.2")


def test_a_loaded_model_that_the_engine_does_not_list_counts() -> None:
    node = a_node(an_engine(replicas=[a_replica("mystery")]))
    assert list(node.spots) == ["mystery:latest"]


def test_when_a_model_left_memory_is_remembered() -> None:
    node = a_node(an_engine(a_model(), replicas=[a_replica()]))
    node.heard(a_beat("n1", an_engine(a_model()), seq=2), node.address, 7.0, Limits())
    node.heard(a_beat("n1", an_engine(a_model()), seq=3), node.address, 9.0, Limits())
    assert node.unloaded_at == {"llama3.2:latest": 7.0}


def test_of_models_that_come_and_go_only_the_last_are_remembered() -> None:
    node = a_node()
    for number in range(2_000):
        model = a_model(f"m{number}")
        beat = a_beat("n1", an_engine(model, replicas=[a_replica(model.name)]), seq=number + 2)
        node.heard(beat, node.address, float(number), Limits())
        node.last_used["ollama", normalise(model.name)] = number
    assert len(node.unloaded_at) == UNLOADED_KEPT
    assert node.unloaded_at[normalise("m1998")] == 1999.0
    assert len(node.last_used) <= GONE_KEPT + 2
    assert node.last_used["ollama", normalise("m1998")] == 1998


def test_when_a_model_came_into_memory_is_remembered() -> None:
    idle, busy = an_engine(a_model()), an_engine(a_model(), replicas=[a_replica()])
    node = a_node(busy)
    beats = [(2, idle, 1), (3, busy, 1), (4, busy, 1), (5, idle, 1), (6, busy, 1), (1, idle, 2), (2, busy, 2)]
    for at, (seq, engine, epoch) in enumerate(beats):
        node.heard(a_beat("n1", engine, seq=seq, epoch=epoch), node.address, float(at), Limits())
    assert list(node.loads) == [(1.0, "llama3.2:latest"), (4.0, "llama3.2:latest"), (6.0, "llama3.2:latest")]
    restarted = a_node(idle)
    restarted.heard(a_beat("n1", busy, epoch=2), restarted.address, 1.0, Limits())
    assert not restarted.loads


def test_p75_of_the_newest_calls() -> None:
    latencies, model = Latencies(), normalise(MODEL)
    assert latencies.p75(NodeId("n1"), model) is None
    for seconds in [*[1000.0] * 10, *map(float, range(64))]:
        latencies.add(NodeId("n1"), model, seconds)
    assert latencies.p75(NodeId("n1"), model) == 48.0
    assert latencies.p75(NodeId("n2"), model) is None


def test_latencies_of_the_nodes_and_models_that_answered_last_are_kept() -> None:
    latencies, often, here = Latencies(), normalise("often"), NodeId("here")
    for number in range(2 * kept.MODELS_KEPT):
        latencies.add(here, normalise(f"m{number}"), 1.0)
        latencies.add(here, often, 2.0)
    assert len(latencies.of(here)) == kept.MODELS_KEPT
    assert (latencies.p75(here, often), latencies.p75(here, normalise("m0"))) == (2.0, None)
    for number in range(kept.NODES_KEPT):
        latencies.add(NodeId(f"n{number}"), often, 1.0)
    assert latencies.p75(here, often) is None
    assert latencies.p75(NodeId("n0"), often) == 1.0
