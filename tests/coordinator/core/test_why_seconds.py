"""What a person is told where seconds decided."""

from coordinator.core import why
from coordinator.core.explanation import Explanation, Judged


def place(node_id: str, *, has_room: bool = True, **seconds: float) -> Judged:
    parts = dict.fromkeys(("wait", "load", "evict", "prefill", "decode", "harm", "owner"), 0.0) | seconds
    return Judged(
        node_id=node_id,
        engine="ollama",
        model="m",
        eligible=True,
        has_room=has_room,
        score=50.0,
        scores_breakdown={"thermal": 50.0, "total": 50.0},
        predicted_seconds=parts | {"total": sum(parts.values())},
    )


def told(*places: Judged, chosen: str = "n1") -> str:
    return why.why(
        Explanation(policy="predictive", weights={}, outcome="placed", chosen=chosen, candidates=places)
    )


def test_the_largest_differences_are_named() -> None:
    text = told(place("n1", decode=2.0, prefill=0.5), place("n2", decode=1.0, load=12.0))
    assert text == (
        "n1, because it takes 2.5 s there, all told; runner-up n2 with 13 s: 12 s to load the model, not 0 s"
    )


def test_equals_take_turns() -> None:
    assert told(place("n1", decode=2.0), place("n2", decode=2.0)) == (
        "n1, which is equal to n2 (2 s) and was used longer ago"
    )


def test_one_without_room_would_have_been_sooner() -> None:
    text = told(place("n1", decode=4.0), place("n2", decode=1.0, has_room=False), place("n3", decode=9.0))
    assert text.startswith("n1, because it takes 4 s there")
    assert text.endswith("Fewer seconds, but passed over: n2 has no room")


def test_another_rule_is_called_so() -> None:
    assert told(place("n1", decode=4.0), place("n2", decode=1.0)) == (
        "n1, by another rule than its seconds (n2: 3 s less)"
    )
