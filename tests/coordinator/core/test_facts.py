"""What all nodes together tell: medians that move only where something is really different, and then everywhere."""

from msgspec.structs import replace

from coordinator.core.desk import Desk
from coordinator.core.facts import MODELS_KEPT, Facts
from coordinator.core.node import Node
from shared.names import NodeId, normalise
from shared.wire import Heartbeat
from tests.fakes.builders import GIB, MODEL, a_beat, a_desk, a_model, a_replica, an_address, an_engine

M = normalise(MODEL)


def telling(name: str, kv_bytes: float, seq: int = 1, model: str = MODEL) -> Heartbeat:
    """Of a node where the model takes so much for a token."""
    size = 2 * GIB + int(kv_bytes * 1_000)
    engine = an_engine(a_model(model), replicas=[replace(a_replica(model, context=1_000), size_bytes=size)])
    return a_beat(name, engine, seq=seq)


def heard(facts: Facts, name: str, kv_bytes: float, model: str = MODEL) -> bool:
    """Whether the figure moved."""
    node = Node(telling(name, kv_bytes, model=model), an_address(name), 0.0)
    return normalise(model) in facts.heard(node).models


def touched(desk: Desk, beat: Heartbeat) -> set[str]:
    desk.fleet.changed.clear()
    desk.fleet.heard(beat, an_address(beat.node_id), 1.0)
    return set(desk.fleet.changed)


def test_noise_moves_nothing() -> None:
    facts = Facts()
    assert heard(facts, "n1", 1_000.0)
    assert not any(heard(facts, "n1", 1_000.0 + noise) for noise in (1, -1, 90, -90))
    assert facts.kv_bytes[M] == 1_000.0
    assert heard(facts, "n1", 1_200.0)


def test_two_nodes_that_differ_do_not_move_it_with_each_beat() -> None:
    facts = Facts()
    heard(facts, "n1", 1_000.0)
    heard(facts, "n2", 3_000.0)
    assert not any(heard(facts, *each) for each in (("n1", 1_000.0), ("n2", 3_000.0)) * 5)
    assert facts.kv_bytes[M] == 2_000.0
    facts.forget(NodeId("n2"))
    assert heard(facts, "n1", 1_500.0)
    assert facts.kv_bytes[M] == 1_500.0


def test_nodes_that_have_the_model_are_looked_at_anew_and_no_other() -> None:
    desk = a_desk(telling("n1", 1_000.0), a_beat("n2", an_engine(a_model())), a_beat("n3", an_engine()))
    assert touched(desk, telling("n1", 1_050.0, 2)) == {"n1"}
    assert touched(desk, telling("n1", 5_000.0, 3)) == {"n1", "n2"}


def test_it_is_kept_of_the_models_heard_of_last() -> None:
    facts = Facts()
    for number in range(MODELS_KEPT + 1):
        heard(facts, "n1", 1_000.0, f"m{number}")
    assert len(facts.kv_bytes) == MODELS_KEPT
    assert normalise("m0") not in facts.kv_bytes
