"""What /fleet/explain makes of the rows of a call."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from coordinator.core.call import Call
from coordinator.core.explanation import Explanation, Kept
from coordinator.explain.answers import GONE, decision_of, last_call, told, told_of
from coordinator.explain.recent import CALLS_KEPT, UNPLACED_EVERY_S, Recent
from coordinator.journal import Trace
from coordinator.trace_tables import trace_row
from shared.names import CallId
from tests.fakes.builders import a_call
from tests.fakes.decisions import a_decision, a_place, a_refusal
from tests.fakes.traces import a_trace

DECISION = a_decision(a_place("n1", thermal=50), a_place("n2", thermal=10), a_refusal("n3"))


def a_row(**changed: Any) -> dict[str, Any]:
    """Of a completed call on n1."""
    return trace_row(replace(a_trace(), decision=Kept(DECISION))) | changed


def test_a_decision_has_every_promised_field() -> None:
    answer = told(DECISION)
    assert {
        "policy",
        "chosen",
        "candidates",
        "context",
        "why",
        "weights",
        "outcome",
        "reason",
        "omitted",
    } <= set(answer)
    for candidate in answer["candidates"]:
        assert {"node_id", "eligible", "refusal", "score", "scores_breakdown", "predicted_seconds"} <= set(
            candidate
        )
    first, _, last = answer["candidates"]
    assert (first["score"], list(first["scores_breakdown"])[-1]) == (50.0, "total")
    assert (last["eligible"], last["score"], last["scores_breakdown"]) == (False, None, None)
    assert msgspec.convert(answer, Explanation) == DECISION


def test_a_call_is_told_with_its_attempts() -> None:
    rows = [
        a_row(node_id="n2", status="retried", status_code=502, error_message="crashed"),
        a_row(retry_count=1),
    ]
    answer = told_of(rows)
    assert (answer["chosen"], answer["node_id"], answer["status"], answer["retries"]) == (
        "n1",
        "n1",
        "completed",
        1,
    )
    assert [(each["node_id"], each["status"], each["error"]) for each in answer["attempts"]] == [
        ("n2", "retried", "crashed"),
        ("n1", "completed", None),
    ]
    assert answer["decision_kept"] is True
    assert (answer["context"], told_of([a_row(context="pinned=8192")])["context"]) == (None, "pinned=8192")


def test_of_an_id_that_was_used_twice_the_newest_call_is_told() -> None:
    rows = [
        a_row(status="retried", timestamp=1.0),
        a_row(timestamp=2.0),
        a_row(status="retried", timestamp=3.0),
        a_row(timestamp=4.0),
    ]
    assert [row["timestamp"] for row in last_call(rows)] == [3.0, 4.0]
    assert last_call(rows[:1]) == rows[:1]
    assert last_call([]) == []


@pytest.mark.parametrize("decision", [None, "", "{", '{"policy": 7}', "[]", 7, '"x"', "[" * 5000])
def test_without_its_decision_the_other_columns_are_told(decision: object) -> None:
    """It was cleared, or somebody else wrote it."""
    answer = told_of([a_row(decision=decision)])
    assert (answer["chosen"], answer["decision_kept"], answer["reason"]) == ("n1", False, GONE)
    (only,) = answer["candidates"]
    assert only["scores_breakdown"] == {"thermal": 50.0, "memory_fit": 20.0, "total": 70.0}
    assert (
        told_of([a_row(decision=decision, scores_breakdown="no JSON")])["candidates"][0]["scores_breakdown"]
        is None
    )
    refused = told_of([a_row(decision=decision, node_id="", status="rejected", error_message="queue full")])
    assert (refused["chosen"], refused["why"], *refused["candidates"]) == (None, "refused: queue full")


def unplaced(call_id: str = "c1", **changed: Any) -> Trace:
    return replace(a_trace(a_call(call_id), node_id="", status="rejected", error="no room"), **changed)


class Desk:
    """Explains, and counts how often."""

    asked = 0

    def explain(self, _call: Call) -> Explanation:
        """The same each time."""
        self.asked += 1
        return DECISION


def test_what_was_placed_nowhere_is_weighed_when_it_ends() -> None:
    """But not for each call of a flood."""
    desk, now = Desk(), [0.0]
    recent = Recent(desk.explain, lambda: now[0])
    first = recent.noted(unplaced())
    assert first.decision is not None
    explanation = first.decision.explanation()
    assert (explanation.outcome, explanation.chosen, explanation.reason) == ("refused", None, "no room")
    assert explanation.candidates == DECISION.candidates
    assert [recent.noted(unplaced(f"f{at}")).decision for at in range(100)] == [None] * 100
    assert desk.asked == 1
    now[0] += UNPLACED_EVERY_S
    left = recent.noted(unplaced("c2", status="client_disconnected", error="")).decision
    assert left is not None
    assert (left.explanation().outcome, left.explanation().reason) == ("waits", "its caller left")
    assert decision_of(trace_row(first)) == explanation


def test_the_last_calls_are_remembered_with_all_their_attempts() -> None:
    recent = Recent(Desk().explain, lambda: 0.0)
    for at in range(CALLS_KEPT + 10):
        recent.noted(a_trace(a_call(f"c{at}"), status="retried"))
        recent.noted(a_trace(a_call(f"c{at}")))
    assert recent.of("c9") == []
    assert [each.status for each in recent.of(f"c{CALLS_KEPT + 9}")] == ["retried", "completed"]
    assert [each.call.id for each in recent.of("c10")] == [CallId("c10")] * 2
