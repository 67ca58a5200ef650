"""Agents without a token: bounded, shown once they have proved their commitment, and let in by a person only."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.joining.pending import LASTS_S, SILENT_S, Pending
from shared.errors import CallerFault, Conflict, RouteNotFound, Unavailable
from shared.names import NodeId
from shared.trust import code

SPKI = b"s" * 32
KEY = b"the agent's key"
MINE = b"c" * 16
THEIRS = b"a" * 16
LAPTOP = NodeId("laptop")


def asked(pending: Pending, now: float = 0.0, key: bytes = KEY, address: str = "10.0.0.1") -> str:
    pending.began(LAPTOP, key, code.commitment(THEIRS, key), MINE, address, now)
    return pending.proved(LAPTOP, key, THEIRS, SPKI, now).code


def test_nobody_is_shown_before_the_number_is() -> None:
    pending = Pending(8)
    pending.began(LAPTOP, KEY, code.commitment(THEIRS, KEY), MINE, "10.0.0.1", 0.0)
    assert pending.shown(0.0) == []
    asking = pending.proved(LAPTOP, KEY, THEIRS, SPKI, 0.0)
    assert asking.code == code.code(SPKI, KEY, THEIRS, MINE)
    assert pending.shown(0.0) == [asking]


def test_another_number_than_the_one_committed_to_is_refused() -> None:
    pending = Pending(8)
    pending.began(LAPTOP, KEY, code.commitment(THEIRS, KEY), MINE, "10.0.0.1", 0.0)
    with pytest.raises(CallerFault):
        pending.proved(LAPTOP, KEY, b"b" * 16, SPKI, 0.0)
    assert pending.shown(0.0) == []


def test_approving_and_denying() -> None:
    pending = Pending(8)
    digits = asked(pending)
    with pytest.raises(RouteNotFound, match="other digits"):
        pending.approve(LAPTOP, "000000" if digits != "000000" else "111111", 0.0)
    assert pending.approve(LAPTOP, digits, 0.0).approved
    assert pending.shown(0.0) == []
    assert pending.proved(LAPTOP, KEY, THEIRS, SPKI, 1.0).approved
    with pytest.raises(RouteNotFound):
        pending.deny(LAPTOP, "", 1.0)


def test_of_two_with_one_name_the_digits_say_which() -> None:
    pending = Pending(8)
    first, second = asked(pending), asked(pending, key=b"another")
    with pytest.raises(Conflict, match="--code"):
        pending.approve(LAPTOP, "", 0.0)
    assert pending.approve(LAPTOP, second, 0.0).public_key == b"another"
    assert [each.code for each in pending.shown(0.0)] == [first]


def test_who_asks_no_more_is_gone_and_nobody_waits_for_ever() -> None:
    pending = Pending(8)
    asked(pending)
    assert pending.shown(SILENT_S - 1)
    assert not pending.shown(SILENT_S)
    assert pending._asking == {}
    asked(pending)
    now = 0.0
    while now < LASTS_S - 10:
        now += 10.0
        pending.proved(LAPTOP, KEY, THEIRS, SPKI, now)
    assert pending.shown(now)
    assert not pending.shown(now + 10.0)
    with pytest.raises(Conflict):
        pending.proved(LAPTOP, KEY, THEIRS, SPKI, now + 10.0)


def test_one_address_cannot_take_all_places() -> None:
    pending = Pending(8)
    asked(pending), asked(pending, key=b"2")
    with pytest.raises(Unavailable, match="FLEET_PENDING_LIMIT"):
        asked(pending, key=b"3")
    asked(pending, key=b"3", address="10.0.0.2")
    asked(pending, now=1.0)  # the same again takes no further place


def test_nobody_tries_for_other_digits_with_the_same_key_or_in_a_hurry() -> None:
    """Who sits between would need a million tries: there are a few a minute."""
    pending = Pending(8)
    asked(pending)
    with pytest.raises(Conflict):
        pending.began(LAPTOP, KEY, code.commitment(b"b" * 16, KEY), MINE, "10.0.0.1", 1.0)
    tries, now = 0, 1.0
    while now < 600.0:
        now += 0.5
        with contextlib.suppress(Unavailable):
            key = b"%d" % now
            asking = pending.began(LAPTOP, key, code.commitment(THEIRS, key), MINE, "10.0.0.1", now)
            tries += asking.since == now
    assert tries <= 2 * 600 / SILENT_S


def test_who_hides_what_the_digits_would_be_has_few_tries() -> None:
    """It was told our number, knows its digits, and shows none but those that somebody else shows."""
    pending, tries, now = Pending(8), 0, 0.0
    while now < 10 * LASTS_S:
        with contextlib.suppress(Unavailable):
            key = b"%d" % now
            pending.began(LAPTOP, key, code.commitment(THEIRS, key), MINE, f"10.0.{now % 50}.1", now)
            tries += 1
        now += 1.0
    assert tries == 10 * 8


def test_an_answer_that_was_lost_keeps_the_place() -> None:
    pending = Pending(8)
    pending.began(LAPTOP, KEY, code.commitment(THEIRS, KEY), MINE, "10.0.0.1", 0.0)
    later = LASTS_S - 1
    assert pending.began(LAPTOP, KEY, code.commitment(THEIRS, KEY), THEIRS, "10.0.0.1", later).nonce == MINE
    assert pending.proved(LAPTOP, KEY, THEIRS, SPKI, later).code


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 20), st.integers(0, 3)), max_size=60))
def test_there_are_never_more_than_may_be(questions: list[tuple[int, int, int]]) -> None:
    pending, now = Pending(8), 0.0
    for key, later, address in questions:
        now += later
        with contextlib.suppress(Unavailable):
            asked(pending, now, b"%d" % key, f"10.0.0.{address}")
        assert len(pending.shown(now)) <= 8
