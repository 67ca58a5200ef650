"""Calls of late, by the ids that their callers gave them."""

from coordinator.core.call import Call
from coordinator.core.explanation import Explanation
from coordinator.explain.recent import ATTEMPTS_KEPT, CALLS_KEPT, Recent
from tests.fakes.builders import a_call
from tests.fakes.traces import a_trace


def nothing(_call: Call) -> Explanation:
    return Explanation(policy="weighted", weights={}, outcome="refused", chosen=None)


def test_one_id_that_is_used_for_ever_keeps_the_newest_only() -> None:
    recent = Recent(nothing, lambda: 0.0)
    for number in range(ATTEMPTS_KEPT + 30):
        recent.noted(a_trace(a_call("same"), timestamp=float(number)))
    kept = [trace.timestamp for trace in recent.of("same")]
    assert kept == [float(number) for number in range(30, ATTEMPTS_KEPT + 30)]


def test_the_ids_used_longest_ago_go_first() -> None:
    recent = Recent(nothing, lambda: 0.0)
    for number in range(CALLS_KEPT + 1):
        recent.noted(a_trace(a_call(f"c{number}")))
    assert recent.of("c0") == []
    assert len(recent.of(f"c{CALLS_KEPT}")) == 1
