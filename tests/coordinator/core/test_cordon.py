"""Cordon and drain, as the Desk decides: who gets new calls, what ends at the deadline, what no beat undoes."""

from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.core.node import Standing
from shared.names import CallId, NodeId
from shared.wire import Heartbeat
from tests.fakes.builders import a_beat, a_call, a_desk, an_address, join, told, with_loaded

C1, C2, N1, N2 = CallId("c1"), CallId("c2"), NodeId("n1"), NodeId("n2")


def beat(name: str = "n1", seq: int = 1, *, epoch: int = 1, draining: bool = False) -> Heartbeat:
    return a_beat(name, with_loaded(slots=4), seq=seq, epoch=epoch, draining=draining)


def drain(desk: Desk, now: float, deadline_s: float = 60.0) -> list[str]:
    return told(desk.cordoned(N1, now, on=True, deadline=now + deadline_s))


def standing(desk: Desk, now: float) -> Standing:
    return desk.fleet.nodes[N1].standing(now, Limits())


def cut(desk: Desk) -> int:
    cordon = desk.fleet.cordons[N1]
    assert cordon is not None
    return cordon.cut


def test_a_drained_node_finishes_its_calls_and_gets_no_new_ones() -> None:
    desk = a_desk(beat())
    desk.arrived(a_call("c1"), 1.0)
    desk.first_byte(C1, 1.5)
    assert drain(desk, 2.0) == []
    assert standing(desk, 2.0).state == "draining"
    assert standing(desk, 2.0).reason == "1 running; no new calls until `herd uncordon n1`"
    assert told(desk.arrived(a_call("c2"), 2.0)) == ["c2 held"]
    assert told(desk.finished(C1, 3.0)) == []
    assert (standing(desk, 3.0).state, desk.completed, cut(desk)) == ("drained", 1, 0)
    assert told(join(desk, beat("n2"), 4.0)) == ["c2 on n2"]


def test_what_waits_goes_elsewhere_at_once() -> None:
    desk = a_desk(a_beat("n1", with_loaded(slots=1)), a_beat("n2", with_loaded(slots=1)))
    desk.arrived(a_call("c1"), 1.0)
    desk.arrived(a_call("c2"), 1.0)
    assert told(desk.arrived(a_call("c3"), 1.0)) == ["c3 held"]
    drain(desk, 2.0)
    on_n2 = next(each.call.id for each in desk.open_calls() if each.place and each.place.node_id == "n2")
    assert told(desk.finished(on_n2, 3.0)) == ["c3 on n2"]


def test_at_the_deadline_a_call_that_nobody_saw_moves_and_the_others_end() -> None:
    desk = a_desk(beat())
    desk.arrived(a_call("c1"), 1.0)
    desk.arrived(a_call("c2"), 1.0)
    desk.first_byte(C1, 2.0)
    join(desk, beat("n2"), 3.0)
    drain(desk, 10.0)
    desk.progressed(C1, 69.0)
    desk.progressed(C2, 69.0)
    join(desk, beat(seq=2), 69.0)
    join(desk, beat("n2", seq=2), 69.0)
    assert told(desk.expired(69.9)) == []
    decisions = desk.expired(70.0)
    assert told(decisions) == ["c1 freed 503", "c2 moved", "c2 on n2"]
    error = next(each.error for each in decisions if hasattr(each, "error"))
    assert (error.status, error.retry_after) == (503, 1)
    assert str(error) == "n1 is drained: its running calls have had their time"
    assert cut(desk) == 1
    assert standing(desk, 70.0).state == "drained"


def test_what_can_go_nowhere_is_told_at_the_deadline() -> None:
    desk = a_desk(beat())
    desk.arrived(a_call("c1"), 1.0)
    drain(desk, 2.0, deadline_s=0.0)
    assert told(desk.expired(2.0)) == ["c1 freed 503"]
    assert cut(desk) == 1


def test_no_beat_and_no_restart_of_the_agent_undoes_it() -> None:
    desk = a_desk(beat())
    drain(desk, 1.0)
    desk.heard(beat(seq=2, draining=False), an_address("n1"), 2.0)
    assert told(desk.arrived(a_call("c1"), 2.0)) == ["c1 held"]
    join(desk, beat(seq=1, epoch=2), 3.0)
    assert standing(desk, 3.0).state == "drained"
    assert told(desk.cordoned(N1, 4.0, on=False)) == ["c1 on n1"]


def test_nor_is_it_lost_when_the_node_is_forgotten() -> None:
    desk = a_desk(beat(), limits=Limits(forget_s=100.0))
    drain(desk, 1.0)
    desk.expired(200.0)
    assert N1 not in desk.fleet.nodes
    join(desk, beat(epoch=2), 201.0)
    assert standing(desk, 201.0).state == "drained"


def test_a_node_that_was_not_heard_of_yet_may_be_set_aside() -> None:
    """After a restart of the coordinator, which read the orders before any beat came."""
    desk = a_desk(beat("n2"))
    desk.cordoned(N1, 0.0, on=True)
    join(desk, beat(), 1.0)
    assert standing(desk, 1.0).state == "cordoned"
    assert told(desk.arrived(a_call(), 1.0)) == ["c1 on n2"]


def test_a_cordon_does_not_end_a_drain_and_another_drain_has_its_own_deadline() -> None:
    desk = a_desk(beat())
    desk.arrived(a_call(), 1.0)
    drain(desk, 1.0, deadline_s=10.0)
    desk.cordoned(N1, 2.0, on=True)
    assert desk.fleet.nodes[N1].draining
    drain(desk, 5.0, deadline_s=100.0)
    desk.progressed(C1, 11.0)
    assert told(desk.expired(11.0)) == []
    desk.progressed(C1, 105.0)
    assert told(desk.expired(105.0)) == ["c1 freed 503"]


def test_running_calls_take_their_time_on_a_cordoned_node_and_once_a_drain_is_lifted() -> None:
    desk = a_desk(beat())
    desk.arrived(a_call(), 1.0)
    desk.cordoned(N1, 1.0, on=True)
    assert told(desk.expired(20.0)) == []
    drain(desk, 20.0, deadline_s=1.0)
    desk.cordoned(N1, 20.5, on=False)
    assert told(desk.expired(22.0)) == []
    assert standing(desk, 29.0).state == "late"


def test_an_agents_own_drain_stands_beside_the_order_here() -> None:
    desk = a_desk(beat())
    desk.heard(beat(seq=2, draining=True), an_address("n1"), 1.0)
    assert standing(desk, 1.0) == Standing(
        "online", "drained", "nothing runs; its agent takes no new calls: it stops or was drained there"
    )
    desk.cordoned(N1, 1.0, on=False)
    assert desk.fleet.nodes[N1].draining, "that is the agent's word"
    desk.heard(beat(seq=3), an_address("n1"), 2.0)
    assert standing(desk, 2.0).state == "ready"


def test_a_drain_that_is_ordered_again_counts_its_own_cuts() -> None:
    desk = a_desk(beat())
    desk.arrived(a_call(), 1.0)
    desk.first_byte(C1, 1.5)
    drain(desk, 1.0, deadline_s=10.0)
    desk.expired(12.0)
    assert cut(desk) == 1
    drain(desk, 13.0, deadline_s=10.0)
    assert cut(desk) == 0
