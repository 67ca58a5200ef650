"""The training text: repeatable, true to its notation, and without the phrasings that the model is judged by."""

import random
import re

import pytest

from scripts.train.corpus import ANSWER_LENGTH, Corpus, conversation, load, mistyped, question
from scripts.train.phrases import pattern, squeezed
from tests.agent.engines.guide_questions import FACTS


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load()


def test_every_answer_is_made_of_whole_sentences(corpus: Corpus) -> None:
    answers = [intent.answer for intent in corpus.intents.values()]
    assert len(answers) == len(set(answers)) >= 40
    for answer in answers:
        assert answer.isascii()
        assert answer.endswith((".", "!", "?"))
        assert len(answer) <= ANSWER_LENGTH
        assert answer.count("`") % 2 == 0


def test_the_same_seed_gives_the_same_conversations(corpus: Corpus) -> None:
    first, second = ([conversation(corpus, random.Random(seed)) for seed in range(50)] for _ in range(2))
    assert first == second
    assert len({str(turns) for turns in first}) == len(first)


def test_conversations_end_with_an_answer_to_learn(corpus: Corpus) -> None:
    for seed in range(200):
        turns = conversation(corpus, random.Random(seed))
        assert turns[-1].learned
        assert turns[-1].role == "assistant"
        assert turns[-2].role == "user"
        assert all(turn.role == "assistant" for turn in turns if turn.learned)


def test_held_out_phrasings_are_never_asked_in_training(corpus: Corpus) -> None:
    source = random.Random(0)
    held_out = {squeezed(text) for intent in corpus.intents.values() for text in intent.held_out}
    assert len(held_out) >= 120
    for intent in corpus.intents.values():
        asked = {squeezed(question(corpus, intent, source)) for _ in range(100)}
        assert not asked & held_out - {""}


def test_no_phrase_says_what_the_model_is_asked_in_tests(corpus: Corpus) -> None:
    """With any filler before or after it; typing errors and left-out words aside."""
    before, after = (
        "|".join(re.escape(squeezed(each)) for each in fillers) for fillers in (corpus.before, corpus.after)
    )
    for name, (questions, _) in FACTS.items():
        phrases = "|".join(pattern(phrase, corpus.words) for phrase in corpus.intents[name].questions)
        training = re.compile(f"(?:{before})?(?:{phrases})(?:{after})?")
        assert [text for text in questions if training.fullmatch(squeezed(text))] == []


def test_a_typing_error_changes_a_word_a_little() -> None:
    for seed in range(200):
        wrong = mistyped("machine", random.Random(seed))
        assert 6 <= len(wrong) <= 8
        assert len(set(wrong) ^ set("machine")) <= 2
    assert mistyped("to", random.Random(0)) == "to"
