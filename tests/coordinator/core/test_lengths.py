"""The length of an answer is expected from earlier ones of its model and tags."""

import random
import statistics

import pytest
from msgspec.structs import replace

from coordinator.core import lengths
from coordinator.core.call import Call, Origin
from coordinator.core.lengths import ANSWERS, ENOUGH, KINDS, LONGEST, USUAL_TOKENS, Lengths
from shared.names import normalise
from tests.fakes.builders import MODEL, a_call

MODEL_NAME = normalise(MODEL)


def tagged(*tags: str) -> Call:
    return replace(a_call(), origin=Origin(tags=tags))


def learned(call: Call, *tokens: int) -> Lengths:
    made = Lengths()
    for each in tokens:
        made.add(call, MODEL_NAME, each)
    return made


def test_before_enough_answers_the_usual_is_expected() -> None:
    made = learned(a_call(), *[10] * (ENOUGH - 1))
    assert made.expected(a_call(), MODEL_NAME) == USUAL_TOKENS
    made.add(a_call(), MODEL_NAME, 10)
    assert made.expected(a_call(), MODEL_NAME) == 10


def test_tags_are_told_apart_and_an_unknown_one_is_like_its_model() -> None:
    made = learned(tagged("code"), *[900] * ENOUGH)
    for _ in range(ENOUGH):
        made.add(tagged("chat"), MODEL_NAME, 100)
    assert made.expected(tagged("code"), MODEL_NAME) == 900
    assert made.expected(tagged("chat"), MODEL_NAME) == 100
    assert made.expected(tagged("new"), MODEL_NAME) == made.expected(a_call(), MODEL_NAME) == 500


def test_a_runaway_counts_for_a_part() -> None:
    made = learned(a_call(), *[100] * 9, 100_000)
    assert made.expected(a_call(), MODEL_NAME) == pytest.approx((900 + 400) / 10)


def test_it_is_bounded_and_can_be_kept() -> None:
    made = Lengths()
    for number in range(KINDS + 10):
        made.add(tagged(f"t{number}"), MODEL_NAME, 7)
    assert len(made.kept()) == KINDS
    again = Lengths()
    again.recall(made.kept())
    assert again.expected(a_call(), MODEL_NAME) == made.expected(a_call(), MODEL_NAME) == 7
    assert dict(made.kept())[MODEL_NAME,] == (7.0, lengths.ANSWERS)


def by_definition(answers: list[int]) -> float:
    newest = answers[-ANSWERS:]
    most = LONGEST * max(1.0, statistics.median(newest))
    return sum(min(float(each), most) for each in newest) / len(newest)


@pytest.mark.parametrize("seed", range(5))
def test_one_more_answer_gives_what_all_of_them_give(seed: int) -> None:
    chance, lengths, answers = random.Random(seed), Lengths(), list[int]()
    call = a_call()
    for at in range(1_000):
        answers.append(chance.choice([chance.randrange(1, 300), chance.randrange(1, 30_000), 1]))
        lengths.add(call, call.model, answers[-1])
        if at + 1 >= ENOUGH:
            assert lengths.expected(call, call.model) == pytest.approx(by_definition(answers), rel=1e-9)
