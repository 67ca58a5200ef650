"""How calls end that do not end by themselves: paused callers, long answers, a coordinator that stops; old nodes."""

from coordinator.core.call import Freed, Refused
from coordinator.core.limits import Limits
from shared.errors import CallerPaused, ModelNotFound, TookTooLong, Unavailable
from shared.names import CallId, NodeId
from tests.fakes.builders import a_beat, a_call, a_desk, an_address, told, with_loaded

C1, C2, N1 = CallId("c1"), CallId("c2"), NodeId("n1")
PATIENT = Limits(stale_s=20.0, lease_s=1000.0, beat_late_s=1000.0)


def test_a_caller_that_does_not_read_is_no_fault_of_the_node() -> None:
    desk = a_desk(a_beat("n1", with_loaded()), limits=PATIENT)
    desk.arrived(a_call(), 1.0)
    desk.first_byte(C1, 2.0)
    desk.progressed(C1, 3.0, awaits_caller=True)
    assert desk.expired(22.9) == []
    (decision,) = desk.expired(23.0)
    assert isinstance(decision, Freed)
    assert isinstance(decision.error, CallerPaused)
    assert not desk.fleet.nodes[N1].troubled("ollama", a_call().model, 23.0)
    assert told(desk.arrived(a_call("c2"), 23.0)) == ["c2 on n1"]


def test_a_caller_that_reads_again_starts_the_engines_time_anew() -> None:
    desk = a_desk(a_beat("n1", with_loaded()), limits=PATIENT)
    desk.arrived(a_call(), 1.0)
    desk.first_byte(C1, 2.0)
    desk.progressed(C1, 3.0, awaits_caller=True)
    desk.progressed(C1, 22.0)
    assert desk.expired(41.9) == []


def test_a_whole_answer_that_takes_too_long_is_not_begun_anew() -> None:
    desk = a_desk(a_beat("n1", with_loaded()), a_beat("n2", with_loaded()), limits=PATIENT)
    desk.arrived(a_call(stream=False), 1.0)
    (decision,) = desk.expired(21.0)
    assert isinstance(decision, Freed)
    assert isinstance(decision.error, TookTooLong)


def test_a_stop_refuses_what_waits_and_lets_run_what_runs() -> None:
    desk = a_desk(a_beat("n1", with_loaded(slots=1)))
    desk.arrived(a_call("c1"), 1.0)
    desk.arrived(a_call("c2"), 1.0)
    (refused,) = desk.closing()
    assert isinstance(refused, Refused)
    assert refused.call_id == C2
    assert isinstance(refused.error, Unavailable)
    assert told(desk.arrived(a_call("c3"), 2.0)) == ["c3 refused 503"]
    assert len(desk.holding) == 0
    (freed,) = desk.cut(3.0)
    assert isinstance(freed, Freed)
    assert freed.call_id == C1
    assert desk.fleet.nodes[N1].in_flight.total() == 0


def test_a_node_long_silent_is_forgotten_with_its_models() -> None:
    desk = a_desk(a_beat("n1", with_loaded()))
    desk.arrived(a_call("c1"), 1.0)
    desk.finished(C1, 2.0)
    desk.expired(86_400.0)
    assert N1 in desk.fleet.nodes
    desk.expired(86_401.0)
    assert desk.fleet.nodes == {}
    assert desk.fleet.latencies.p75(N1, a_call().model) is None
    desk.heard(a_beat("other", with_loaded("another")), an_address("other"), 86_402.0)
    (refused,) = desk.arrived(a_call("c2"), 86_403.0)
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, ModelNotFound)
