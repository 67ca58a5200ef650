"""What is an event, and what is none."""

import msgspec

from coordinator.watching.difference import EVENTS_KEPT
from coordinator.watching.happenings import TEXT_CHARS, Happenings, Marks, changes
from tests.fakes.traces import a_trace

UP = (("ollama", True, ""),)
DOWN = (("ollama", False, "connection refused"),)


def marks(state: str = "ready", status: str = "online", reason: str = "", engines: tuple = UP) -> Marks:  # type: ignore[type-arg]
    """Of one node."""
    return Marks(status, state, reason, engines)


def of(before: Marks | None, after: Marks | None) -> list[tuple[str, str]]:
    """Kinds and texts for a node n1."""
    found = changes({"n1": before} if before else {}, {"n1": after} if after else {})
    return [(kind, text) for kind, node_id, text in found if node_id == "n1"]


def test_nodes_come_and_go() -> None:
    assert of(None, marks("probing", "degraded")) == [("join", "probing")]
    lost = marks("lost", "offline", "no heartbeat for 31 s")
    assert of(marks(), lost) == [("leave", "ready -> lost: no heartbeat for 31 s")]
    assert of(lost, None) == [("leave", "forgotten")]


def test_states_change() -> None:
    assert of(marks(), marks("draining", reason="2 running"))[0] == ("drain", "ready -> draining: 2 running")
    assert of(marks(), marks("suspect", "degraded")) == [("degraded", "ready -> suspect")]
    assert of(marks("probing", "degraded"), marks()) == [("state", "probing -> ready")]
    assert of(marks(), marks()) == []


def test_a_reason_that_counts_seconds_is_no_event() -> None:
    assert of(marks("lost", "offline", "for 31 s"), marks("lost", "offline", "for 32 s")) == []


def test_engines_break_and_come_back() -> None:
    assert of(marks(), marks(engines=DOWN)) == [("crash", "ollama is down: connection refused")]
    assert of(marks(engines=DOWN), marks()) == [("engine", "ollama is up")]
    assert of(marks(engines=DOWN), marks(engines=DOWN)) == []
    assert of(None, marks(engines=DOWN))[1] == ("crash", "ollama is down: connection refused")
    unborn = msgspec.structs.replace(marks(engines=DOWN), never_up=frozenset({"ollama"}))
    assert of(None, unborn)[1] == ("engine", "ollama is not up: connection refused")
    assert of(unborn, unborn) == []
    assert of(unborn, marks()) == [("engine", "ollama is up")]
    assert of(marks(engines=()), marks()) == [("engine", "ollama is up")]
    assert of(None, marks()) == [("join", "ready")]


def test_only_trouble_of_calls_is_an_event() -> None:
    happenings = Happenings()
    for status in ("completed", "client_disconnected", "refused"):
        happenings.ended(a_trace(status=status))
    assert happenings.kept() == []
    happenings.ended(a_trace(status="retried", error="reset", timestamp=7.0))
    (event,) = happenings.kept()
    assert event == {"seq": 1, "at": 7.0, "kind": "retry", "node_id": "n1", "text": "llama3.2:latest: reset"}


def test_mistakes_of_callers_are_no_events_and_calls_wash_no_node_away() -> None:
    happenings = Happenings()
    happenings.seen({"n1": marks()}, 1.0)
    for _ in range(EVENTS_KEPT + 5):
        happenings.ended(a_trace(status="rejected", code=404, error="model not found"))
        happenings.ended(a_trace(status="failed", code=502, error="reset"))
    happenings.seen({}, 2.0)
    kept = happenings.kept()
    assert [kept[0]["kind"], kept[-1]["kind"], len(kept)] == ["join", "leave", EVENTS_KEPT + 2]
    assert {each["text"] for each in kept if each["kind"] == "error"} == {"llama3.2:latest: reset"}
    assert [each["seq"] for each in kept] == sorted(each["seq"] for each in kept)


def test_events_are_bounded_in_number_and_length() -> None:
    happenings = Happenings()
    for _ in range(EVENTS_KEPT + 5):
        happenings.ended(a_trace(status="failed", error="x" * 1000))
    kept = happenings.kept()
    assert [kept[0]["seq"], kept[-1]["seq"], len(kept)] == [6, EVENTS_KEPT + 5, EVENTS_KEPT]
    assert len(kept[0]["text"]) <= TEXT_CHARS + 3
