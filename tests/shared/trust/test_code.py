"""The six digits: both sides see the same, and who sits between them cannot choose."""

import secrets

from hypothesis import given
from hypothesis import strategies as st

from shared.trust import code

parts = st.binary(max_size=80)


@given(parts, parts, parts, parts)
def test_both_sides_have_the_same_six_digits(spki: bytes, key: bytes, agents: bytes, mine: bytes) -> None:
    shown = code.code(spki, key, agents, mine)
    assert shown == code.code(spki, key, agents, mine)
    assert len(shown) == 6
    assert shown.isdigit()


def test_each_part_counts_and_none_runs_into_the_next() -> None:
    made = {
        code.code(b"ab", b"c", b"d", b"e"),
        code.code(b"a", b"bc", b"d", b"e"),
        code.code(b"ab", b"c", b"de", b""),
        code.code(b"ab", b"c", b"d", b"f"),
        code.code(b"abc", b"", b"d", b"e"),
    }
    assert len(made) == 5


def test_only_the_number_that_was_committed_to_is_taken() -> None:
    nonce, key = secrets.token_bytes(code.NONCE_BYTES), b"the agent's key"
    committed = code.commitment(nonce, key)
    assert code.kept(committed, nonce, key)
    assert not code.kept(committed, secrets.token_bytes(code.NONCE_BYTES), key)
    assert not code.kept(committed, nonce, b"another key")
    assert not code.kept(code.commitment(b"short", key), b"short", key)


def test_digits_are_spread_evenly() -> None:
    """Ten thousand of them: no first digit stands out."""
    counts = [0] * 10
    for number in range(10_000):
        counts[int(code.code(b"s", b"k", number.to_bytes(4), b"n")[0])] += 1
    assert all(850 < count < 1_150 for count in counts)
