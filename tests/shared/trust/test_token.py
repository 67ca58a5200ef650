"""Tokens: what is made can be read, what was mistyped cannot, and no secret shows."""

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.trust import token

SPKI = hashlib.sha256(b"an authority's key").digest()


def test_a_token_is_read_as_it_was_made() -> None:
    made = token.new(SPKI)
    assert token.parse(made.text) == made
    assert token.parse(f"  {made.text.upper()}\n") == made


def test_a_token_has_128_random_bits_and_names_the_authority() -> None:
    made = token.new(SPKI)
    assert len(made.secret) == 26
    assert len({token.new(SPKI).secret for _ in range(50)}) == 50
    assert made.names(SPKI)
    assert not made.names(hashlib.sha256(b"another").digest())


def test_a_secret_is_not_shown_by_chance() -> None:
    made = token.new(SPKI)
    assert made.secret not in repr(made)
    assert made.secret not in token.hashed(made.secret)


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "herd1", "sk-herd-x", "herd2-" + "a" * 26 + "-abcdef-" + "a" * 26),
        *("herd1-" + "a" * 25 + "-abcdef-" + "a" * 26, "herd1-" + "a" * 26 + "-abcde1-" + "a" * 26),
        "herd1-" + "a" * 26 + "-abcdef-" + "a" * 26 + "-x",
    ],
    ids=["nothing", "start", "key", "version", "short", "letter", "more"],
)
def test_what_is_no_token_is_refused_without_being_repeated(wrong: str) -> None:
    with pytest.raises(token.BadToken) as refused:
        token.parse(wrong)
    assert not wrong or wrong == "herd1" or wrong not in str(refused.value)


@given(st.text(max_size=100))
def test_no_text_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(token.BadToken):
        assert token.parse(text).text == text.strip().lower()
    assert len(token.hashed(text)) == 64
