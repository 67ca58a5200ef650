import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.dialects.nesting import SLICE, check_depth, depth, may_be_deep
from shared.errors import CallerFault

texts = st.text(st.sampled_from('[]{}"\\a\u00e9,:'), max_size=20)
trees = st.recursive(
    texts | st.integers() | st.none(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(texts, below, max_size=4),
    max_leaves=30,
)
MANY = 10**9


def deepest(value: Any) -> int:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if below is None else 1 + max(map(deepest, below), default=0)


@given(trees)
def test_the_depth_is_that_of_the_value_whatever_its_texts_hold(value: Any) -> None:
    assert depth(json.dumps(value).encode(), MANY) == deepest(value)
    assert depth(json.dumps(value, ensure_ascii=False, indent=1).encode(), MANY) == deepest(value)


@given(trees, st.integers(min_value=0, max_value=8))
def test_what_is_not_looked_at_is_not_too_deep(value: Any, most: int) -> None:
    body = json.dumps(value).encode()
    assert may_be_deep(body, most) or deepest(value) <= most


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 101,
        b'{"a":' * 101,
        b'["]",' * 101,
        b'{"]\\"":[' * 51,
        b"[[],[]," * 101,
        b"[" * 101 + b"0" * SLICE,
        b'"\\\\",' * SLICE + b"[" * 101,
    ],
    ids=["lists", "objects", "closed-in-texts", "in-names", "beside-others", "long", "after-much"],
)
def test_too_deep_is_refused(body: bytes) -> None:
    with pytest.raises(CallerFault, match=r"more than 100 levels \(FLEET_JSON_DEPTH\)"):
        check_depth(body, 100)


def test_many_brackets_side_by_side_are_not_deep() -> None:
    check_depth(json.dumps([{"a": [["]" * 7]]}] * 5_000).encode(), 100)
    check_depth(json.dumps(["[" * 500] * 500).encode(), 100)


@pytest.mark.alone
@pytest.mark.parametrize(
    "body", [b"[]" * 2**20, b'"["' * 2**20, b'\\"' * 2**20 + b"{" * 101], ids=["p", "t", "e"]
)
def test_the_worst_bodies_take_no_longer_than_their_length_allows(body: bytes) -> None:
    started = time.perf_counter()
    depth(body, 100)
    assert time.perf_counter() - started < 5.0
