"""How nodes come and go, as the Desk sees them: beats, leases, probes, draining, cordons."""

import pytest

from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.core.node import NotReached, Standing
from shared.errors import CallerFault
from shared.names import CallId, NodeId
from shared.wire import Heartbeat
from tests.fakes.builders import (
    MODEL,
    a_beat,
    a_call,
    a_desk,
    a_model,
    an_address,
    an_engine,
    join,
    told,
    with_loaded,
)

C1, C2, N1, N2 = CallId("c1"), CallId("c2"), NodeId("n1"), NodeId("n2")


def beat(name: str = "n1", seq: int = 2, *, epoch: int = 1, leaving: bool = False) -> Heartbeat:
    return a_beat(name, with_loaded(), seq=seq, epoch=epoch, leaving=leaving)


def standing(desk: Desk, now: float, node_id: NodeId = N1) -> Standing:
    return desk.fleet.nodes[node_id].standing(now, Limits())


def words(desk: Desk, now: float) -> tuple[str, str]:
    """Status and state of n1."""
    found = standing(desk, now)
    return found.status, found.state


# Joining


def test_a_node_gets_calls_once_its_gateway_was_reached() -> None:
    desk = a_desk()
    desk.heard(beat(seq=1), an_address("n1"), 0.0)
    assert words(desk, 0.0) == ("degraded", "probing")
    assert desk.due_probes(0.0) == ["n1"]
    assert told(desk.arrived(a_call(), 0.0)) == ["c1 held"]
    desk.not_reached(N1, NotReached("timed out"))
    assert words(desk, 0.5) == ("degraded", "unreachable")
    assert standing(desk, 0.5).reason.startswith("http://n1:11436: timed out; open that port in its firewall")
    assert "--advertise" in standing(desk, 0.5).reason
    assert told(desk.reached(N1, 1.0)) == ["c1 on n1"]
    assert words(desk, 1.0) == ("online", "ready")


def test_where_another_program_answers_the_firewall_is_not_blamed() -> None:
    desk = a_desk()
    desk.heard(beat(seq=1), an_address("n1"), 0.0)
    desk.not_reached(N1, NotReached("answered 404", answered=True))
    reason = standing(desk, 0.5).reason
    assert reason.startswith(
        "http://n1:11436: answered 404; another program answers at that address and port"
    )
    assert "firewall" not in reason
    desk.not_reached(N1, NotReached("timed out"))
    assert "firewall" in standing(desk, 0.5).reason


def test_a_call_that_waited_for_an_unreachable_node_is_told_so() -> None:
    desk = a_desk()
    desk.heard(beat(seq=1), an_address("n1"), 0.0)
    desk.not_reached(N1, NotReached("timed out"))
    desk.arrived(a_call(), 0.0)
    desk.heard(beat(), an_address("n1"), 29.0)
    (decision,) = desk.expired(30.0)
    assert "n1 is unreachable (http://n1:11436: timed out; open that port" in str(decision)


# The lease


@pytest.mark.parametrize(
    ("silent_s", "expected"),
    [
        (15.0, ("online", "ready")),
        (15.1, ("degraded", "late")),
        (30.0, ("degraded", "late")),
        (30.1, ("offline", "lost")),
    ],
)
def test_silence_is_late_then_lost(silent_s: float, expected: tuple[str, str]) -> None:
    assert words(a_desk(beat(seq=1)), silent_s) == expected


def test_a_late_node_is_used_only_when_nobody_else_can() -> None:
    desk = a_desk(beat("n1", 1), beat("n2", 1))
    desk.heard(beat("n2"), an_address("n2"), 14.0)
    assert told(desk.arrived(a_call("c1"), 16.0)) == ["c1 on n2"]
    assert told(desk.arrived(a_call("c2"), 16.0)) == ["c2 held"]
    alone = a_desk(beat(seq=1))
    assert told(alone.arrived(a_call(), 16.0)) == ["c1 on n1"]


def test_calls_for_a_lost_node_wait_for_its_return() -> None:
    desk = a_desk(beat(seq=1))
    assert told(desk.arrived(a_call(), 31.0)) == ["c1 held"]
    assert told(desk.heard(beat(), an_address("n1"), 40.0)) == []
    assert words(desk, 40.0) == ("degraded", "probing")
    assert desk.due_probes(40.0) == ["n1"]
    assert told(desk.reached(N1, 40.1)) == ["c1 on n1"]


def test_a_late_node_comes_back_by_a_probe_not_by_its_own_word() -> None:
    desk = a_desk(beat(seq=1))
    desk.heard(beat(), an_address("n1"), 16.0)
    assert words(desk, 16.0) == ("degraded", "suspect")
    assert standing(desk, 16.0).reason == "http://n1:11436: it was silent for 16 s"
    assert desk.due_probes(16.0) == ["n1"]
    desk.reached(N1, 16.1)
    assert words(desk, 16.1) == ("online", "ready")


def test_held_calls_go_elsewhere_when_a_node_is_lost() -> None:
    desk = a_desk(beat("n1", 1), beat("n2", 1))
    desk.cordoned(N2, 0.0, on=True)
    desk.arrived(a_call("c1"), 5.0)
    desk.arrived(a_call("c2"), 5.0)
    desk.heard(beat("n2"), an_address("n2"), 20.0)
    assert told(desk.cordoned(N2, 31.0, on=False)) == ["c2 on n2"]


def test_a_silent_call_on_a_lost_node_moves_once_nothing_came_for_as_long() -> None:
    desk = a_desk(beat("n1", 1))
    desk.arrived(a_call(), 10.0)
    join(desk, beat("n2", 1), 35.0)
    assert told(desk.expired(39.9)) == []
    assert told(desk.expired(40.0)) == ["c1 moved", "c1 on n2"]
    assert told(desk.finished(C1, 50.0)) == []


def test_a_stream_from_a_lost_node_is_left_to_come_in() -> None:
    desk = a_desk(beat("n1", 1), beat("n2", 1))
    desk.arrived(a_call(), 10.0)
    desk.first_byte(C1, 11.0)
    desk.progressed(C1, 39.0)
    assert told(desk.expired(60.0)) == []
    assert told(desk.expired(69.0)) == ["c1 freed 502"]


# Leaving, draining, cordon, engines that are down


def test_a_node_that_leaves_is_offline_at_once() -> None:
    desk = a_desk(beat("n1", 1), beat("n2", 1))
    desk.heard(beat(leaving=True), an_address("n1"), 1.0)
    assert words(desk, 1.0) == ("offline", "left")
    assert told(desk.arrived(a_call(), 1.0)) == ["c1 on n2"]
    assert desk.due_probes(1.0) == []


def test_a_model_whose_node_has_just_left_is_not_unknown() -> None:
    """An agent's last beat carries no engines; being restarted must not cost callers a 404."""
    desk = a_desk(beat(seq=1))
    desk.heard(a_beat("n1", seq=2, leaving=True), an_address("n1"), 20.0)
    assert told(desk.arrived(a_call(), 20.0)) == ["c1 held"]
    desk.heard(beat(seq=1, epoch=2), an_address("n1"), 22.0)
    assert told(desk.reached(N1, 22.0)) == ["c1 on n1"]


def test_an_engine_that_is_down_keeps_its_models() -> None:
    down = an_engine(a_model(), up=False, reason="exit code 1")
    desk = a_desk(a_beat("n1", down))
    assert told(desk.arrived(a_call(), 20.0)) == ["c1 held"]
    desk.heard(a_beat("n1", down, seq=2), an_address("n1"), 50.0)
    desk.reached(N1, 50.0)
    assert "ollama on n1 is down (exit code 1)" in str(desk.expired(50.0)[0])


def test_a_draining_node_finishes_its_calls_and_gets_no_new_ones() -> None:
    desk = a_desk(beat("n1", 1))
    desk.arrived(a_call("c1"), 1.0)
    desk.heard(a_beat("n1", with_loaded(slots=4), seq=2, draining=True), an_address("n1"), 2.0)
    assert words(desk, 2.0) == ("online", "draining")
    assert told(desk.arrived(a_call("c2"), 2.0)) == ["c2 held"]
    desk.finished(C1, 3.0)
    assert desk.completed == 1
    assert told(join(desk, beat("n2", 1), 4.0)) == ["c2 on n2"]


def test_a_cordoned_node_comes_back_when_the_cordon_is_lifted() -> None:
    desk = a_desk(beat("n1", 1))
    desk.cordoned(N1, 1.0, on=True)
    assert words(desk, 1.0) == ("online", "cordoned")
    assert told(desk.arrived(a_call(), 1.0)) == ["c1 held"]
    assert told(desk.cordoned(N1, 2.0, on=False)) == ["c1 on n1"]


def test_a_cordon_outlives_a_restart_of_the_agent() -> None:
    desk = a_desk(beat("n1", 1))
    desk.cordoned(N1, 1.0, on=True)
    join(desk, beat(seq=1, epoch=2), 2.0)
    assert told(desk.arrived(a_call(), 2.0)) == ["c1 held"]


# Order of beats


@pytest.mark.parametrize("seq", [5, 4, 1])
def test_a_stale_beat_is_refused_and_changes_nothing(seq: int) -> None:
    desk = a_desk(beat(seq=5))
    with pytest.raises(CallerFault, match=f"beat {seq} of n1 is not newer than beat 5"):
        desk.heard(a_beat("n1", seq=seq, leaving=True), "http://elsewhere:1", 20.0)
    node = desk.fleet.nodes[N1]
    assert (node.heartbeat.seq, node.address, node.last_heard) == (5, an_address("n1"), 0.0)
    assert desk.fleet.model_names() == {MODEL}


def test_a_lower_epoch_is_refused_while_the_node_is_alive() -> None:
    desk = a_desk(beat(seq=5, epoch=7))
    with pytest.raises(CallerFault, match="another agent named n1 started later"):
        desk.heard(beat(seq=99, epoch=6), an_address("n1"), 30.0)


@pytest.mark.parametrize("leaving", [False, True])
def test_a_lower_epoch_is_accepted_after_the_lease_or_a_farewell(leaving: bool) -> None:
    desk = a_desk(beat(seq=5, epoch=7))
    if leaving:
        desk.heard(beat(seq=6, epoch=7, leaving=True), an_address("n1"), 1.0)
    now = 2.0 if leaving else 30.1
    desk.heard(beat(seq=1, epoch=6), an_address("n1"), now)
    assert words(desk, now) == ("degraded", "probing")


# Restarted and moved agents


@pytest.mark.parametrize(
    ("again", "address"),
    [
        (beat(seq=1, epoch=2), an_address("n1")),
        (beat(), "http://n1-elsewhere:11436"),
        (a_beat("n1", with_loaded(), seq=2, secret="another-secret-of-it"), an_address("n1")),
    ],
    ids=["restarted", "moved", "new secret"],
)
def test_a_node_that_is_not_the_same_must_be_reached_again(again: Heartbeat, address: str) -> None:
    desk = a_desk(beat(seq=1))
    desk.heard(again, address, 5.0)
    assert words(desk, 5.0) == ("degraded", "probing")
    assert desk.due_probes(5.0) == ["n1"]
    assert told(desk.arrived(a_call(), 5.0)) == ["c1 held"]
    assert told(desk.reached(N1, 6.0)) == ["c1 on n1"]
    assert desk.fleet.nodes[N1].target("ollama").gateway == address


def test_a_call_that_runs_while_its_node_forgets_the_model_ends_well() -> None:
    desk = a_desk(beat(seq=1))
    desk.arrived(a_call(), 1.0)
    desk.heard(a_beat("n1", seq=2), an_address("n1"), 2.0)
    assert desk.finished(C1, 3.0) == []
    assert not desk.fleet.nodes[N1].in_flight
