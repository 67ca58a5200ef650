"""Tokens on the coordinator: once or often, for a while, taken back, and only so many."""

import hashlib

import pytest

from coordinator.joining.tokens import Tokens, TokensFull
from shared.errors import RouteNotFound

SPKI = hashlib.sha256(b"an authority's key").digest()
HOUR_S = 3_600.0


def test_a_token_lets_one_in_and_then_nobody() -> None:
    tokens = Tokens(10)
    made = tokens.create(SPKI, 1_000.0, HOUR_S)
    assert tokens.good(made.id, made.secret, 1_001.0)
    tokens.spent(made.id)
    assert not tokens.good(made.id, made.secret, 1_002.0)
    assert tokens.all(1_002.0) == []


def test_a_reusable_one_counts_who_came() -> None:
    tokens = Tokens(10)
    made = tokens.create(SPKI, 0.0, HOUR_S, reusable=True)
    for _ in range(3):
        assert tokens.good(made.id, made.secret, 1.0)
        tokens.spent(made.id)
    assert tokens.all(1.0)[0].used == 3


def test_it_runs_out_at_its_time() -> None:
    tokens = Tokens(10)
    made = tokens.create(SPKI, 0.0, HOUR_S)
    assert tokens.good(made.id, made.secret, HOUR_S - 0.01)
    assert not tokens.good(made.id, made.secret, HOUR_S)


def test_a_wrong_secret_and_a_name_that_nobody_has_are_refused() -> None:
    tokens = Tokens(10)
    made = tokens.create(SPKI, 0.0, HOUR_S)
    assert not tokens.good(made.id, "a" * 26, 1.0)
    assert not tokens.good("zzzzzz", made.secret, 1.0)
    assert not tokens.good("zzzzzz", "", 1.0)  # whose hash is what is compared for nobody
    assert tokens.good(made.id, made.secret, 1.0)


def test_one_that_is_taken_back_lets_nobody_in() -> None:
    tokens = Tokens(10)
    made = tokens.create(SPKI, 0.0, HOUR_S, reusable=True)
    tokens.revoke(made.id)
    assert not tokens.good(made.id, made.secret, 1.0)
    with pytest.raises(RouteNotFound):
        tokens.revoke(made.id)


def test_there_are_only_so_many_and_old_ones_make_room() -> None:
    tokens = Tokens(2)
    tokens.create(SPKI, 0.0, 10.0)
    tokens.create(SPKI, 0.0, HOUR_S)
    with pytest.raises(TokensFull, match="herd token revoke"):
        tokens.create(SPKI, 1.0, HOUR_S)
    tokens.create(SPKI, 10.0, HOUR_S)


def test_no_secret_is_kept() -> None:
    tokens = Tokens(2)
    made = tokens.create(SPKI, 0.0, HOUR_S)
    assert made.secret not in repr(tokens.all(0.0))
    again = Tokens(2)
    again.restore(tokens.all(0.0))
    assert again.good(made.id, made.secret, 1.0)
