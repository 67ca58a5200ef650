"""Decisions in words."""

import pytest

from coordinator.core.explanation import Explanation
from coordinator.core.why import differences, why
from tests.fakes.decisions import a_decision, a_place, a_refusal

HERE = a_place("n1", thermal=50, memory_fit=20, context_fit=15, role_affinity=9)
COLD = a_place("n2", thermal=10, memory_fit=20, role_affinity=9)
FAR_AHEAD = a_decision(HERE, COLD, a_refusal("n3"))

CASES = {
    "the differences, the largest first, and what would change it": (
        FAR_AHEAD,
        "n1, because the model is loaded there (+50 against +10) and its context suits the prompt better (+15 against"
        " 0); runner-up n2. n2 would need 55 points more: with the model loaded there it could have +55",
    ),
    "what speaks against it is told": (
        a_decision(a_place("n1", thermal=50, queue_depth=-12), a_place("n2", thermal=30)),
        "n1, because the model is loaded there (+50 against +30); runner-up n2, which is better in queue_depth"
        " (0 against -12). n2 would need 8 points more: with the model loaded there it could have +55",
    ),
    "nothing runs there": (
        a_decision(a_place("n1", thermal=50), a_place("n2", thermal=50, queue_depth=-12)),
        "n1, because nothing runs there (0 against -12); runner-up n2. n2 would need 12 points more: with the model"
        " loaded there it could have +35",
    ),
    "another rule": (
        a_decision(a_place("n1", thermal=30), a_place("n2", thermal=10, memory_fit=20, context_fit=15)),
        "n1, by another rule than its points (n2 has 15 more)",
    ),
    "a model that was there": (
        a_decision(a_place("n1", thermal=30), a_place("n2", thermal=10, availability_trend=5)),
        "n1, because the model was in its memory not long ago (+30 against +10); runner-up n2, which is better in"
        " availability_trend (+5 against 0). n2 would need 15 points more: with the model loaded there it could have"
        " +75",
    ),
    "the machine cannot change": (
        a_decision(
            a_place("n1", thermal=50, memory_fit=20, role_affinity=15, context_fit=15),
            a_place("n2", thermal=50, memory_fit=20, context_fit=15),
        ),
        "n1, because its machine suits a model of this size better (+15 against 0); runner-up n2. n2 would need 15"
        " points more, which no one change could give it",
    ),
    "equals": (
        a_decision(a_place("n1", thermal=50), a_place("n2", thermal=50)),
        "n1, which is equal to n2 (50 points) and was used longer ago",
    ),
    "nobody else": (
        a_decision(HERE, a_refusal("n2")),
        "n1, because it was the only place that could take the call",
    ),
    "the better one is full": (
        a_decision(a_place("n2", room=False, thermal=50), a_place("n1", thermal=10)),
        "n1, because n2 has no room",
    ),
    "better ones are full or troubled, and one is worse": (
        a_decision(
            a_place("n2", room=False, thermal=50),
            a_place("n4", troubled=True, thermal=50),
            a_place("n5", troubled=True, thermal=50),
            a_place("n1", thermal=30),
            a_place("n3", thermal=10),
        ),
        "n1, because the model was in its memory not long ago (+30 against +10); runner-up n3. n3 would need 20 points"
        " more: with the model loaded there it could have +75. More points, but passed over: n2 has no room and n4, n5"
        " have had trouble lately",
    ),
    "a worse one is full": (
        a_decision(a_place("n1", thermal=50), a_place("n2", room=False, thermal=10)),
        "n1, because the model is loaded there (+50 against +10); runner-up n2. n2 would need 40 points more: with the"
        " model loaded there it could have +75",
    ),
    "the runner-up is for the same model, and could have taken the call": (
        a_decision(
            a_place("other", model="other:latest", thermal=50),
            a_place("full", room=False, thermal=50),
            a_place("n1", thermal=50),
            a_place("n2", thermal=10),
            a_place("n3", thermal=30),
        ),
        "n1, because the model is loaded there (+50 against +30); runner-up n3. n3 would need 20 points more: with the"
        " model loaded there it could have +55",
    ),
    "only troubled ones": (
        a_decision(a_place("n1", troubled=True)),
        "n1, because it was the only place that could take the call, in spite of its recent trouble",
    ),
    "waiting for room": (
        a_decision(*(a_place(f"n{at}", room=False) for at in range(6)), outcome="waits"),
        "the call waits: no room on n0, n1, n2, n3 and 2 more",
    ),
    "waiting for a better place": (
        a_decision(a_place("n1", room=False), a_place("n2", troubled=True), outcome="waits"),
        "the call waits: a place on n1 is better",
    ),
    "waiting for nodes": (
        a_decision(a_refusal("n1"), a_refusal("n2"), outcome="waits"),
        "the call waits: n1 is cordoned; n2 is cordoned",
    ),
    "waiting for a model": (a_decision(outcome="waits"), "the call waits: no node has the model yet"),
    "refused": (
        a_decision(outcome="refused", reason='model "x" not found'),
        'refused: model "x" not found',
    ),
    "nothing was kept": (a_decision(chosen="n1"), "n1; what was weighed was not kept"),
}


@pytest.mark.parametrize(("decision", "words"), CASES.values(), ids=CASES)
def test_in_words(decision: Explanation, words: str) -> None:
    assert why(decision) == words


def test_differences_leave_out_what_is_equal() -> None:
    assert [(each.signal, each.points) for each in differences(HERE, COLD)] == [
        ("thermal", 40.0),
        ("context_fit", 15.0),
    ]
