"""The model's vocabulary: every text can be read and comes back as it was."""

import random

import pytest

from scripts.train.tokenizer import SPECIAL, Tokenizer, trained

TEXTS = [
    " how do i add a machine",
    " how do i pull a model",
    "Run `herd-node` there.",
    " machine",
    " machines",
] * 3


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return trained(TEXTS, 420)


@pytest.mark.parametrize(
    "text", [*TEXTS[:5], "", " ", "a  b", "x\ny", "Ünïcode 你好 🐑", "user\n hello", "@#~^|\t"]
)
def test_every_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.decode(tokenizer.encode(text, random.Random(1), dropout=1.0)) == text


def test_frequent_words_are_one_piece_and_others_are_not(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode(" machine")) == 1
    assert len(tokenizer.encode("assistant\n")) == 1
    assert len(tokenizer.encode(" zebra")) > 2
    assert len(tokenizer.encode("你")) == 3


def test_dropout_spells_words_in_smaller_pieces(tokenizer: Tokenizer) -> None:
    whole = tokenizer.encode(" machine")
    assert any(len(tokenizer.encode(" machine", random.Random(seed), 1.0)) > len(whole) for seed in range(5))
    assert tokenizer.encode(" machine", random.Random(0), 0.0) == whole


def test_numbers_belong_to_pieces_one_to_one(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.pieces) == len(tokenizer.numbers) == len(tokenizer.scores) <= 420
    assert tokenizer.pieces[: len(SPECIAL)] == SPECIAL
    assert tokenizer == trained(TEXTS, 420)
