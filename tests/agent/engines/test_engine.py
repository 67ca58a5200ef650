"""What an engine says is read with care: nonsense is an error of its own kind, an absurd number none at all."""

from typing import Any

import pytest

from agent.engines.engine import LARGEST_COUNT, EngineError, count_or_none, decoded, slots_within

DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    "answer", [b"", b"{", b"[1]", b'{"a": "\xff"}', b'{"a": "x"}', b'{"a":' + DEEP + b"}"]
)
def test_nonsense_is_told_without_the_engines_words(answer: bytes) -> None:
    with pytest.raises(EngineError, match=r"^/x answered nonsense: "):
        decoded(answer, dict[str, int], "/x")


def test_what_nests_without_end_is_nonsense_whatever_is_awaited() -> None:
    with pytest.raises(EngineError):
        decoded(DEEP, Any, "/x")


def test_sense_is_read() -> None:
    assert decoded(b'{"a": 1}', dict[str, int], "/x") == {"a": 1}


@pytest.mark.parametrize("value", [True, False, None, -1, LARGEST_COUNT + 1, 10**400, 1.5, "7", [7]])
def test_what_is_no_count_is_unknown(value: object) -> None:
    assert count_or_none(value) is None


def test_counts_and_slots_inside_the_bounds() -> None:
    assert [count_or_none(value) for value in (0, 8192, LARGEST_COUNT)] == [0, 8192, LARGEST_COUNT]
    assert [slots_within(told) for told in (-1, 0, 3, 10**9)] == [1, 1, 3, 65_536]
