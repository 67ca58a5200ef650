"""Keys: what one is, who finds it, and what becomes of those who show others."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from coordinator.access.allowances import KeyLimits
from coordinator.access.bad_tries import BadTries, network_of
from coordinator.access.key_ring import KeyRing
from coordinator.access.keys import Key, id_in, made, sha256_of
from coordinator.access.slow_down import SlowDown
from shared.errors import LimitReached

NEW = made()
KEY = Key(
    id=NEW.id,
    name="night",
    sha256=NEW.sha256,
    scopes=("infer", "read"),
    models=("qwen3*",),
    requests_per_minute=5,
    priority="batch",
    expires=100.0,
)


def ring(now: float = 99.0, used: dict[str, float] | None = None) -> KeyRing:
    told = {} if used is None else used
    there = KeyRing(lambda: now, told.__setitem__)
    there.take([KEY])
    return there


def test_a_key_is_256_bits_behind_its_id() -> None:
    head, _, secret = NEW.text.removeprefix("sk-herd-").partition("-")
    assert head == NEW.id == id_in(NEW.text)
    assert len(head) == 8
    assert len(secret) == 43
    assert len(base64.urlsafe_b64decode(secret + "=")) == 32
    assert len({made().text for _ in range(100)}) == 100


def test_what_is_kept_is_a_hash() -> None:
    assert NEW.sha256 == sha256_of(NEW.text).hex()
    assert NEW.text not in repr(KEY)


def test_who_shows_a_key_is_who_it_says() -> None:
    used: dict[str, float] = {}
    found = ring(used=used).find(NEW.text)
    assert found is not None
    assert (found.kind, found.name, found.key_id, found.priority) == ("key", "night", NEW.id, "batch")
    assert found.scopes == {"infer", "read"}
    assert found.models == ("qwen3*",)
    assert used == {NEW.id: 99.0}


@pytest.mark.parametrize(
    "shown",
    [
        NEW.text[:-1],
        NEW.text + "A",
        NEW.text + " ",
        NEW.text.upper(),
        NEW.text.swapcase(),
        made().text,
        f"sk-herd-{NEW.id}-{'A' * 43}",
        f"sk-herd-{made().id}-{NEW.text[-43:]}",
        "sk-herd-",
        "",
        "\udcff",
    ],
    ids=["shorter", "longer", "blank", "upper", "swapped", "other", "guessed", "id", "bare", "none", "bytes"],
)
def test_nothing_else_is_that_key(shown: str) -> None:
    used: dict[str, float] = {}
    assert ring(used=used).find(shown) is None
    assert used == {}


@given(st.text())
def test_no_text_is_a_key(text: str) -> None:
    assert ring().find(text) is None
    assert ring().find(f"sk-herd-{NEW.id}-{text}") is None


def test_its_limits_are_those_of_the_file() -> None:
    there = ring()
    assert there.limits(NEW.id) == KeyLimits(requests_per_minute=5)
    assert there.limits("unknown") is None
    assert len(there) == 1


def test_a_key_ends_when_it_was_to_end() -> None:
    assert ring(now=99.9).find(NEW.text) is not None
    assert ring(now=100.0).find(NEW.text) is None


def test_a_key_that_is_taken_away_is_none_at_once() -> None:
    there, other = ring(), made()
    assert there.take([replace(KEY, id=other.id, sha256=other.sha256)]) == {NEW.id}
    assert there.find(NEW.text) is None
    assert there.find(other.text) is not None
    assert there.limits(NEW.id) is None


def test_so_many_bad_keys_a_minute_and_no_more() -> None:
    now = 0.0
    slow_down = SlowDown(BadTries(10, 100), lambda: now)
    for _ in range(10):
        slow_down("192.0.2.1")
    with pytest.raises(LimitReached) as refused:
        slow_down("192.0.2.1")
    assert refused.value.retry_after == 6
    slow_down("192.0.2.2")
    now = 6.0
    slow_down("192.0.2.1")
    with pytest.raises(LimitReached):
        slow_down("192.0.2.1")


@given(st.lists(st.integers(0, 2**32 - 1), max_size=200))
def test_only_so_many_addresses_are_remembered(numbers: list[int]) -> None:
    tries = BadTries(10, 16)
    for number in numbers:
        tries.failed(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 0.0)
    assert len(tries) <= 16


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_what_one_caller_has_many_of_counts_as_one(address: str, network: str) -> None:
    assert network_of(address) == network
