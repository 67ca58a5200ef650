"""Loads under way: when they begin and end, how long they take, and who may load beside them."""

import pytest

from coordinator.core.call import Place
from coordinator.core.loads import Loads, may_load_elsewhere
from coordinator.core.node import Node
from shared.names import CallId, NodeId, normalise
from shared.wire import Engine
from tests.fakes.builders import MODEL, a_beat, a_call, a_desk, a_model, an_address, an_engine, with_loaded

GB = 1_000_000_000
M = normalise(MODEL)
N1, N2 = (Place(NodeId(name), "ollama", M) for name in ("n1", "n2"))


def node(engine: Engine) -> Node:
    return Node(a_beat("n1", engine), an_address("n1"), 0.0)


def test_an_unmeasured_node_reads_half_a_gigabyte_a_second() -> None:
    loads = Loads()
    assert loads.predicted_s(N1.node_id, 10 * GB) == 22.0
    assert loads.predicted_s(N1.node_id, 0) == 12.0, "of unknown size"


def test_a_node_is_known_by_the_median_of_its_last_loads() -> None:
    loads = Loads()
    for start, took in ((0, 4), (100, 7), (200, 300), (600, 7), (700, 7)):
        loads.began(N1, start, 10 * GB)
        loads.ended(N1, start + took, ok=True)
    assert loads.predicted_s(N1.node_id, 10 * GB) == 7.0
    assert loads.predicted_s(N1.node_id, 20 * GB) == 12.0
    assert loads.predicted_s(N2.node_id, 10 * GB) == 22.0, "another node"


def test_what_failed_teaches_nothing() -> None:
    loads = Loads()
    loads.began(N1, 0.0, 10 * GB)
    assert loads.ended(N1, 1.0, ok=False)
    assert loads.predicted_s(N1.node_id, 10 * GB) == 22.0
    assert (loads.ended_at(M), loads.loading(M), loads.warm(N1, 1.0)) == (1.0, None, False)


def test_a_second_call_begins_no_second_load() -> None:
    loads = Loads()
    loads.began(N1, 0.0, GB)
    loads.began(N1, 5.0, GB)
    loading = loads.loading(M)
    assert loading is not None
    assert (loading.since, loading.node_id, loading.predicted_s, loading.left_s(1.0)) == (0.0, "n1", 4.0, 3.0)
    assert loading.left_s(9.0) == 0.0
    assert loads.ended(N1, 6.0, ok=True)
    assert not loads.ended(N1, 6.0, ok=True)


def test_of_two_loads_the_one_that_ends_first_is_told() -> None:
    loads = Loads()
    loads.began(N1, 0.0, 50 * GB)
    loads.began(N2, 10.0, GB)
    first = loads.loading(M)
    assert first is not None
    assert first.place == N2


def test_a_load_begins_only_where_the_model_is_not_in_memory() -> None:
    loads = Loads()
    loads.placed(N1, node(with_loaded()), 0.0)
    assert loads.loading(M) is None
    loads.placed(N1, node(an_engine(a_model())), 0.0)
    assert loads.loading(M) is not None


def test_after_the_first_byte_it_is_warm_until_a_beat_tells_or_some_time_has_passed() -> None:
    loads, cold = Loads(), node(an_engine(a_model()))
    loads.placed(N1, cold, 0.0)
    loads.ended(N1, 4.0, ok=True)
    assert loads.warm(N1, 18.9)
    loads.placed(N1, cold, 5.0)
    assert loads.loading(M) is None, "the beats are behind"
    assert not loads.warm(N1, 19.0)
    loads.placed(N1, cold, 20.0)
    assert loads.loading(M) is not None
    loads.seen(cold, 22.0)
    assert loads.loading(M) is not None
    loads.seen(node(with_loaded()), 25.0)
    assert (loads.loading(M), loads.ended_at(M), loads.warm(N1, 25.0)) == (None, 25.0, False)


@pytest.mark.parametrize(("now", "elsewhere"), [(0.0, False), (11.9, False), (12.0, False), (12.1, True)])
def test_a_load_three_times_overdue_is_not_waited_for_alone(now: float, elsewhere: bool) -> None:
    loads = Loads()
    loads.began(N1, 0.0, GB)
    assert may_load_elsewhere(loads.loading(M), now) is elsewhere
    assert may_load_elsewhere(None, now)


def test_what_was_loaded_a_moment_ago_is_believed_until_a_later_beat_shows_otherwise() -> None:
    desk = a_desk(a_beat("n1", an_engine(a_model("m"))))
    place = Place(NodeId("n1"), "ollama", normalise("m"))
    desk.arrived(a_call("c1", "m"), 1.0)
    desk.finished(CallId("c1"), 3.0)
    warm = []
    for seq, now in ((2, 3.5), (3, 4.5)):
        desk.heard(a_beat("n1", an_engine(a_model("m")), seq=seq), an_address("n1"), now)
        warm.append(desk.loads.warm(place, now))
    assert warm == [True, False]
