"""What the Desk decides after a failure: another node, who ranks last, who is suspect."""

import pytest

from coordinator.core.call import Held, Placed, Refused
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from shared.errors import CallerFault, Draining, EngineBusy, EngineLacks, GatewayUnreachable, NodeFailure
from shared.names import CallId, NodeId
from tests.fakes.builders import MODEL, a_beat, a_call, a_desk, an_address, told, with_loaded

C1, C2, N1 = CallId("c1"), CallId("c2"), NodeId("n1")
BROKEN = NodeFailure("the engine crashed")
UNREACHABLE = GatewayUnreachable("connection refused")


def nodes(count: int, *models: str, slots: int = 1, limits: Limits | None = None) -> Desk:
    """n1, n2, ... all alike; the first call goes to n1."""
    beats = [a_beat(f"n{number}", with_loaded(*models, slots=slots)) for number in range(1, count + 1)]
    return a_desk(*beats, limits=limits)


def kept_alive(desk: Desk, now: float, *names: str) -> None:
    """The nodes beat at `now`, as before."""
    for name in names:
        known = desk.fleet.nodes[NodeId(name)].heartbeat
        desk.heard(a_beat(name, *known.engines, seq=known.seq + 1), an_address(name), now)


def first_choice(desk: Desk, now: float) -> str:
    """Where a call would go now; it leaves no trace but its turn."""
    (decision,) = desk.arrived(a_call("probe"), now)
    assert isinstance(decision, Placed)
    desk.cancelled(CallId("probe"), now)
    return decision.placement.place.node_id


def test_another_node_is_tried() -> None:
    desk = nodes(2)
    desk.arrived(a_call(), 1.0)
    (decision,) = desk.failed(C1, BROKEN, 2.0)
    assert isinstance(decision, Placed)
    assert decision.placement.place.node_id == "n2"
    assert decision.placement.retries == 1


def test_nodes_are_tried_once_each_up_to_the_limit() -> None:
    desk = nodes(4)
    seen = told(desk.arrived(a_call(), 1.0))
    for _ in range(3):
        seen += told(desk.failed(C1, BROKEN, 2.0))
    assert seen == ["c1 on n1", "c1 on n2", "c1 on n3", "c1 refused 502"]
    assert desk.failures == 1


def test_where_the_only_node_fails_its_error_stands() -> None:
    desk = nodes(1)
    desk.arrived(a_call(), 1.0)
    assert desk.failed(C1, BROKEN, 2.0) == [Refused(C1, BROKEN)]
    assert desk.open_calls() == []


@pytest.mark.parametrize("error", [CallerFault("bad"), NodeFailure("bad")])
def test_no_other_node_for_the_callers_fault_or_after_a_byte(error: CallerFault | NodeFailure) -> None:
    desk = nodes(2)
    desk.arrived(a_call(), 1.0)
    if isinstance(error, NodeFailure):
        desk.first_byte(C1, 1.5)
    assert desk.failed(C1, error, 2.0) == [Refused(C1, error)]


def test_engines_that_lack_what_a_call_says_are_passed_over() -> None:
    """However many; none of them is in trouble, and the last refusal stands where nobody else can."""
    desk = nodes(5)
    lacks = EngineLacks("suffix: this engine cannot insert")
    desk.arrived(a_call(), 1.0)
    for number in range(2, 6):
        (decision,) = desk.failed(C1, lacks, 2.0)
        assert isinstance(decision, Placed)
        assert (decision.placement.place.node_id, decision.placement.retries) == (f"n{number}", 0)
    assert desk.failed(C1, lacks, 2.0) == [Refused(C1, lacks)]
    assert (desk.open_calls(), desk.failures) == ([], 1)
    assert first_choice(desk, 3.0) == "n1"


def test_a_call_passed_over_waits_for_one_that_may_serve_it() -> None:
    desk = nodes(2)
    desk.arrived(a_call("other"), 0.5)  # on n1
    desk.arrived(a_call(), 1.0)  # on n2
    (held,) = desk.failed(C1, EngineLacks("x"), 2.0)
    assert isinstance(held, Held)
    (decision,) = desk.finished(CallId("other"), 3.0)
    assert isinstance(decision, Placed)
    assert decision.placement.place.node_id == "n1"


def test_a_failed_call_takes_its_old_turn() -> None:
    desk = nodes(2, limits=Limits(held_calls=10))
    for name in ("c1", "c2"):
        desk.arrived(a_call(name), 1.0)
    assert told(desk.failed(C1, BROKEN, 2.0)) == ["c1 held"]
    assert told(desk.arrived(a_call("c3"), 2.0)) == ["c3 held"]
    assert told(desk.finished(C2, 3.0)) == ["c1 on n2"]


def test_a_failed_call_does_not_pass_the_limit_of_held_ones() -> None:
    """Bounded is bounded: with no room to wait, its error stands."""
    desk = nodes(2, limits=Limits(held_calls=1))
    desk.arrived(a_call("c1"), 1.0)
    desk.arrived(a_call("c2"), 1.0)
    assert told(desk.arrived(a_call("c3"), 1.0)) == ["c3 held"]
    decisions = desk.failed(C1, BROKEN, 2.0)
    assert len(desk.holding) <= 1
    assert decisions[0] == Refused(C1, BROKEN)


def test_a_call_that_failed_late_still_waits_for_another_node() -> None:
    """A cold load took 40 s and failed: the deadline of its waiting lies ahead, not behind."""
    desk = nodes(2, limits=Limits(lease_s=1000.0, beat_late_s=1000.0))
    desk.arrived(a_call("c1"), 1.0)
    desk.arrived(a_call("c2"), 1.0)
    (decision,) = desk.failed(C1, BROKEN, 41.0)
    assert isinstance(decision, Held)
    assert decision.until > 41.0
    assert told(desk.expired(41.25)) == []
    assert told(desk.finished(C2, 42.0)) == ["c1 on n2"]


# Trouble


def test_a_troubled_place_ranks_last_for_30_s() -> None:
    desk = nodes(2)
    desk.arrived(a_call(), 1.0)
    desk.failed(C1, BROKEN, 2.0)
    desk.finished(C1, 2.0)
    assert [first_choice(desk, 2.0) for _ in range(2)] == ["n2", "n2"]
    for now in (14.0, 28.0, 31.9):
        kept_alive(desk, now, "n1", "n2")
    assert first_choice(desk, 31.9) == "n2"
    assert first_choice(desk, 32.0) == "n1"


def test_a_troubled_place_is_good_again_once_it_succeeds() -> None:
    desk = nodes(1)
    desk.arrived(a_call(), 1.0)
    desk.failed(C1, BROKEN, 2.0)
    assert desk.fleet.nodes[N1].troubled("ollama", a_call().model, 3.0)
    assert told(desk.arrived(a_call("c2"), 3.0)) == ["c2 on n1"]
    desk.finished(C2, 4.0)
    assert not desk.fleet.nodes[N1].troubled("ollama", a_call().model, 4.0)


def test_trouble_is_one_models_not_the_nodes() -> None:
    desk = nodes(2, MODEL, "other:latest")
    desk.arrived(a_call(), 1.0)
    desk.failed(C1, BROKEN, 2.0)
    assert not desk.fleet.nodes[N1].troubled("ollama", a_call(model="other").model, 2.0)


def test_a_busy_good_place_is_worth_waiting_for() -> None:
    desk = nodes(2)
    desk.arrived(a_call("c1"), 1.0)
    desk.failed(C1, BROKEN, 2.0)
    assert told(desk.arrived(a_call("c2"), 3.0)) == ["c2 held"]
    assert told(desk.finished(C1, 4.0)) == ["c2 on n2"]


def test_at_the_end_of_its_waiting_a_call_takes_a_troubled_place() -> None:
    desk = nodes(2, limits=Limits(trouble_s=100.0))
    desk.arrived(a_call("c1"), 1.0)
    desk.failed(C1, BROKEN, 2.0)
    desk.arrived(a_call("c2"), 3.0)
    kept_alive(desk, 14.0, "n1", "n2")
    kept_alive(desk, 28.0, "n1", "n2")
    assert told(desk.expired(32.9)) == []
    assert told(desk.expired(33.0)) == ["c2 on n1"]


def test_a_full_engine_ranks_last_only_as_long_as_it_said() -> None:
    desk = nodes(2)
    desk.arrived(a_call(), 1.0)
    desk.failed(C1, EngineBusy("full", retry_after=3), 2.0)
    assert desk.fleet.nodes[N1].troubled("ollama", a_call().model, 4.9)
    assert not desk.fleet.nodes[N1].troubled("ollama", a_call().model, 5.0)


def test_a_full_engine_does_not_shorten_the_trouble_of_a_broken_one() -> None:
    desk = nodes(1, slots=2)
    desk.arrived(a_call("c1"), 1.0)
    desk.arrived(a_call("c2"), 1.0)
    desk.failed(C1, BROKEN, 2.0)
    desk.failed(C2, EngineBusy("full", retry_after=1), 2.0)
    assert desk.fleet.nodes[N1].troubled("ollama", a_call().model, 31.0)


def test_draining_is_no_trouble() -> None:
    desk = nodes(2)
    desk.arrived(a_call(), 1.0)
    assert told(desk.failed(C1, Draining("n1 is draining", retry_after=1), 2.0)) == ["c1 on n2"]
    assert not desk.fleet.nodes[N1].troubled("ollama", a_call().model, 2.0)


# Suspect


def test_a_failed_connection_makes_the_node_suspect_and_a_probe_due() -> None:
    desk = nodes(2, MODEL, "other:latest")
    assert desk.due_probes(1.0) == []
    desk.arrived(a_call(), 1.0)
    desk.failed(C1, UNREACHABLE, 2.0)
    standing = desk.fleet.nodes[N1].standing(2.0, Limits())
    assert (standing.status, standing.state) == ("degraded", "suspect")
    assert standing.reason == "http://n1:11436: connection refused"
    assert desk.due_probes(2.0) == ["n1"]
    assert desk.due_probes(3.9) == []
    assert desk.due_probes(4.0) == ["n1"]


def test_a_suspect_node_is_used_when_nobody_else_can() -> None:
    desk = nodes(1)
    desk.arrived(a_call("c1"), 1.0)
    desk.failed(C1, UNREACHABLE, 2.0)
    assert told(desk.arrived(a_call("c2"), 3.0)) == ["c2 on n1"]


def test_a_beat_does_not_clear_a_suspicion_a_probe_does() -> None:
    desk = nodes(2)
    desk.arrived(a_call(), 1.0)
    desk.failed(C1, UNREACHABLE, 2.0)
    kept_alive(desk, 3.0, "n1")
    assert desk.fleet.nodes[N1].standing(3.0, Limits()).state == "suspect"
    desk.not_reached(N1, "timed out")
    assert desk.fleet.nodes[N1].standing(3.0, Limits()).state == "suspect"
    desk.reached(N1, 4.0)
    assert desk.fleet.nodes[N1].standing(4.0, Limits()).status == "online"
    assert desk.due_probes(5.0) == []


def test_a_probe_that_fails_late_does_not_outweigh_a_newer_good_one() -> None:
    """Probes overlap (every 2 s, 4 s long). The node must not be lost for ever."""
    desk = nodes(1)
    desk.arrived(a_call(), 1.0)
    desk.failed(C1, UNREACHABLE, 2.0)
    assert desk.due_probes(2.0) == ["n1"]
    assert desk.due_probes(4.0) == ["n1"]
    desk.reached(N1, 4.1)
    desk.not_reached(N1, "timed out")
    online = desk.fleet.nodes[N1].standing(6.1, Limits()).status == "online"
    assert online or desk.due_probes(6.1) == ["n1"]
