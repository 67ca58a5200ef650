"""Phrases with choices: what they allow, and what is written wrong."""

import random
import re

import pytest

from scripts.train.phrases import parse, parse_list, pattern, say, squeezed

WORDS = {"pet": parse_list("cat|(big|small) dog")}
PHRASE = parse("[please] feed (the|my) {pet}[, or not]")


def test_a_phrase_says_all_that_it_allows_and_nothing_else() -> None:
    said = {say(PHRASE, WORDS, random.Random(seed)) for seed in range(400)}
    beginnings = ["", "please "]
    pets = ["cat", "big dog", "small dog"]
    assert said == {
        f"{begin}feed {whose} {pet}{end}"
        for begin in beginnings
        for whose in ("the", "my")
        for pet in pets
        for end in ("", ", or not")
    }


def test_its_pattern_fits_the_same_texts() -> None:
    expression = re.compile(pattern(PHRASE, WORDS))
    for seed in range(50):
        assert expression.fullmatch(squeezed(say(PHRASE, WORDS, random.Random(seed))))
    for other in ("feed the cow", "feed the", "please please feed my cat"):
        assert not expression.fullmatch(squeezed(other))


def test_what_is_made_up_fits_its_pattern() -> None:
    phrase = parse("{number} {nonsense} {gibberish}")
    for seed in range(50):
        assert re.fullmatch(pattern(phrase, {}), squeezed(say(phrase, {}, random.Random(seed))))


@pytest.mark.parametrize("wrong", ["(a|b", "a)", "[a)", "a|b", "{pet"])
def test_brackets_must_match(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"match|missing|closes|end of|unpack"):
        parse(wrong)
